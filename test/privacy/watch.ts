import { Output, printJson, printText } from '../../src/cli/output.ts';
import { DinmoError } from '../../src/errors.ts';
import { silentLogger } from '../../src/log.ts';
import { observe } from './observer.ts';

/** Once in a process, which runs one file of tests or many: what was put in front of the program stays there. */
watchLogger();
watchOutput();
const errors = watchErrors();

function watchLogger(): void {
  for (const level of ['debug', 'info', 'warn'] as const) {
    Object.assign(silentLogger, {
      [level]: (event: string, data: unknown = {}) => observe(`log ${level}`, `${event} ${JSON.stringify(data)}`),
    });
  }
}

/** What commands print inside of this process, as it leaves. */
function watchOutput(): void {
  const { result, problem, draw } = Output.prototype;
  Output.prototype.result = function (forms) {
    result.call(this, {
      text: (style) => {
        const text = forms.text(style);
        observe('stdout', printText(text));
        return text;
      },
      json: () => {
        const value = forms.json();
        observe('stdout', printJson(value));
        return value;
      },
    });
  };
  Output.prototype.problem = function (text) {
    observe('stderr', printText(text));
    problem.call(this, text);
  };
  Output.prototype.draw = function (text) {
    observe('progress', printText(text));
    draw.call(this, text);
  };
}

/** Every error that is made, thrown or not: the constructor sets its name last of what it inherits. */
function watchErrors(): { readonly made: DinmoError[] } {
  const made: DinmoError[] = [];
  Object.defineProperty(DinmoError.prototype, 'name', {
    configurable: true,
    get: () => 'DinmoError',
    set(this: DinmoError, value: string) {
      Object.defineProperty(this, 'name', { value, configurable: true, writable: true });
      made.push(this);
    },
  });
  return { made };
}

/** Searches the errors that were made since the last time. */
export function observeErrors(): void {
  for (const error of errors.made.splice(0)) {
    observe(`error ${error.code}`, `${error.message}\n${error.fix ?? ''}\n${error.location?.file ?? ''}`);
    let cause: unknown = error.cause;
    for (let depth = 0; cause instanceof Error && depth < 5; depth++) {
      observe(`cause of error ${error.code}`, cause.message);
      cause = cause.cause;
    }
  }
}

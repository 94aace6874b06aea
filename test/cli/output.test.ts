import { describe, expect, test } from 'vitest';
import { separateSandbox, toCommandOptions } from '../../src/cli/options.ts';
import { Output } from '../../src/cli/output.ts';
import { createProgress } from '../../src/cli/progress.ts';
import { runCommand } from '../../src/cli/session.ts';
import type { Shell } from '../../src/cli/shell.ts';
import { DinmoError } from '../../src/errors.ts';
import { registerSecret } from '../../src/log.ts';

function recorder(options: { readonly isTTY?: boolean; readonly env?: Readonly<Record<string, string>> } = {}) {
  const printed = { stdout: '', stderr: '', code: -1 };
  const writer = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      printed[name] += text;
    },
    isTTY: options.isTTY === true,
    columns: 80,
  });
  const shell: Shell = {
    argv: [],
    env: options.env ?? {},
    cwd: '/',
    stdout: writer('stdout'),
    stderr: writer('stderr'),
    signal: new AbortController().signal,
    setExitCode: (code) => {
      printed.code = code;
    },
  };
  return { shell, printed };
}

const GENERAL = { output: 'json', color: true, logFormat: 'text' } as const;

test('what a file or a platform smuggled in moves no cursor, and colour stays', () => {
  const { shell, printed } = recorder();
  const sink = new Output(shell, { output: 'text', quiet: false, colour: true });
  sink.result({
    text: () => '\u001b[31mred\u001b[39m \u001b[2Ja\rb\u0007\u009b2J \u202egnirts\ttab\nline',
    json: () => ({}),
  });
  sink.problem('up\u001b[1A\u001b]0;title\u0007');
  expect(printed.stdout).toBe('\u001b[31mred\u001b[39m \ufffd[2Ja\ufffdb\ufffd\ufffd2J \ufffdgnirts\ttab\nline\n');
  expect(printed.stderr).toBe('up\ufffd[1A\ufffd]0;title\ufffd\n');
});

describe('secrets', () => {
  registerSecret('s3cr"et-of-the-shop');

  test('are masked in text, in JSON and in problems, and JSON stays JSON', () => {
    const { shell, printed } = recorder();
    for (const output of ['json', 'text'] as const) {
      const sink = new Output(shell, { output, quiet: false, colour: false });
      sink.result({
        text: () => 'token s3cr"et-of-the-shop',
        json: () => ({ token: 's3cr"et-of-the-shop', rows: 12n ** 18n }),
      });
      sink.problem('token s3cr"et-of-the-shop');
    }
    expect(printed.stdout + printed.stderr).not.toContain('of-the-shop');
    expect(JSON.parse(printed.stdout.slice(0, printed.stdout.indexOf('}') + 1))).toEqual({
      token: '***',
      rows: String(12n ** 18n),
    });
  });

  test('are masked in failures and stacks', async () => {
    const { shell, printed } = recorder();
    const run = () => Promise.reject(new Error('refused for s3cr"et-of-the-shop'));
    await runCommand(shell, { ...GENERAL, debug: true }, { run });
    expect(printed.stdout + printed.stderr).not.toContain('of-the-shop');
    expect(printed.stderr).toContain('    at ');
  });
});

describe('a failure', () => {
  test('that is a user’s has its own exit code and no stack', async () => {
    const { shell, printed } = recorder();
    const error = new DinmoError({
      kind: 'artifact',
      code: 'x-y',
      message: 'Broken',
      fix: 'Mend it.',
      location: { file: 'a.yml', line: 2, column: 3 },
    });
    await runCommand(shell, GENERAL, { run: () => Promise.reject(error) });
    expect(printed.code).toBe(3);
    expect(JSON.parse(printed.stdout)).toEqual({ error: { code: 'x-y', message: 'Broken (a.yml:2:3). Mend it.' } });
    expect(printed.stderr).toBe('error  x-y  a.yml:2:3\n    Broken\n    → Mend it.\n');
  });

  test('that nobody expected is never 0 and asks for a report', async () => {
    const { shell, printed } = recorder();
    await runCommand(
      shell,
      { ...GENERAL, output: 'text' },
      { run: () => Promise.reject(new TypeError('x is undefined')) },
    );
    expect(printed.code).toBe(4);
    expect(printed.stderr).toContain('unexpected');
    expect(printed.stderr).toContain('--debug');
    expect(printed.stderr).not.toContain('    at ');
  });
});

describe('progress', () => {
  const event = { activation: 'vip.meta', stage: 'deliver', done: 5000, total: 20_000 } as const;
  function tell(options: Parameters<typeof recorder>[0]) {
    const { shell, printed } = recorder(options);
    let now = 1_000_000;
    const output = new Output(shell, { output: 'text', quiet: false, colour: false });
    const progress = createProgress(output, shell, { now: () => now, sleep: async () => undefined });
    progress({ ...event, done: 0 });
    now += 5_000;
    progress(event);
    now += 6_000;
    progress({ ...event, done: 11_000 });
    return printed;
  }

  test('is one line drawn again on a terminal', () => {
    const { stderr, stdout } = tell({ isTTY: true });
    expect(stdout).toBe('');
    expect(stderr).not.toContain('\n');
    expect(stderr).toContain('5,000 of 20,000 rows  1,000 a second  15 s left');
  });

  test('is plain lines, seldom, elsewhere', () => {
    expect(tell({}).stderr).toBe('vip.meta  sending  11,000 of 20,000 rows  1,000 a second  9 s left\n');
  });

  test('is nothing in CI', () => {
    expect(tell({ isTTY: true, env: { CI: 'true' } }).stderr).toBe('');
  });
});

describe('--sandbox', () => {
  const { shell } = recorder({ env: { DINMO_SANDBOX_URL: 'http://127.0.0.1:9999/' } });

  test('takes an address, or none, and leaves other arguments alone', () => {
    expect(separateSandbox(['clear', '--sandbox', 'vip.meta', '--yes'])).toEqual([
      'clear',
      '--sandbox=usual',
      'vip.meta',
      '--yes',
    ]);
    expect(separateSandbox(['sync', '--sandbox', 'http://localhost:1'])).toEqual([
      'sync',
      '--sandbox=http://localhost:1',
    ]);
    expect(separateSandbox(['sync', '--sandbox'])).toEqual(['sync', '--sandbox=usual']);
  });

  test('alone means DINMO_SANDBOX_URL, and nothing reaches it without the option', () => {
    expect(toCommandOptions(shell, { ...GENERAL, sandbox: 'usual' }).sandboxUrl).toBe('http://127.0.0.1:9999');
    expect(toCommandOptions(shell, GENERAL).sandboxUrl).toBeNull();
  });

  test.each(['https://graph.facebook.com', 'http://10.0.0.1:8900', 'localhost:8900', 'http://127.0.0.1.example.com'])(
    'refuses %s: credentials would go there',
    (sandbox) => {
      expect(() => toCommandOptions(shell, { ...GENERAL, sandbox })).toThrow(/not one of this machine/);
    },
  );
});

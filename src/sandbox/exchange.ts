import { createHash, randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { DinmoError, messageOf } from '../errors.ts';
import { type Logger, mask } from '../log.ts';
import { DestinationDesk } from './destination-desk.ts';
import { changeFaults, decideFault, type FaultKind, type FaultSettings, randomStream } from './faults.ts';
import type { Answer, DestinationSetup, RequestContext, RequestLimits, SandboxRequest } from './platform.ts';
import { simulatedPlatforms } from './platforms.ts';
import type { SandboxState } from './sandbox-state.ts';
import type { SavedState, StateFile } from './state-file.ts';

const DESTINATIONS_MAX = 200;
const DESTINATION_NAME = /^[a-z][a-z0-9_]{0,39}$/;
/** Of the rows after the first, which an injected partial failure always hits. */
const UNLUCKY_SHARE = 0.2;

export interface ExchangeOptions {
  readonly url: string;
  readonly faults: FaultSettings;
  readonly limits: RequestLimits;
  readonly stateFile: StateFile | null;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Where requests meet platforms: finds the destination, decides the fault, keeps the books. Knows nothing of sockets. */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #desks = new Map<string, DestinationDesk>();
  #faults: FaultSettings;
  #poison: ReadonlySet<string>;
  #instance: string = randomUUID();
  #startedAt: string;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#faults = options.faults;
    this.#poison = new Set(options.faults.poison);
    this.#startedAt = new Date(options.clock.now()).toISOString();
    const saved = options.stateFile?.read() ?? null;
    if (saved) this.#restore(saved);
    this.#touch();
    this.flush();
  }

  get instance(): string {
    return this.#instance;
  }

  get faults(): FaultSettings {
    return this.#faults;
  }

  /** Throws DinmoError (sandbox-faults-invalid). */
  changeFaults(change: unknown): FaultSettings {
    this.#faults = changeFaults(this.#faults, change);
    this.#poison = new Set(this.#faults.poison);
    return this.#faults;
  }

  /** Empties every destination and the books, under a new instance. Fault settings stay. */
  reset(): void {
    this.#desks.clear();
    this.#instance = randomUUID();
    this.#startedAt = new Date(this.#options.clock.now()).toISOString();
    this.#touch();
    this.flush();
  }

  baseUrl(platform: string, destination: string): string {
    return `${this.#options.url}/${platform}/${destination}`;
  }

  /** Throws DinmoError where the platform or the name is none, or the setup is refused. */
  configure(platform: string, destination: string, setup: DestinationSetup): void {
    const desk = this.#desk(platform, destination);
    if (!desk) {
      throw new DinmoError({
        ...{ kind: 'configuration', code: 'sandbox-destination-unknown' },
        message: `The sandbox has no destination ${platform}/${destination}.`,
        fix: `Platforms are ${[...simulatedPlatforms.keys()].join(', ')}; names match ${DESTINATION_NAME.source}.`,
      });
    }
    desk.world.configure(setup);
    this.#touch();
  }

  /** The platform's answer; `cut` where the connection is to be reset; null where there is no such platform. */
  async answer(platform: string, destination: string, request: SandboxRequest): Promise<Answer | 'cut' | null> {
    const desk = this.#desk(platform, destination);
    if (!desk) return null;
    const number = desk.arrive();
    const random = randomStream(this.#faults.seed, `${platform}/${destination}`, number);
    const { method, path } = request;
    const possible = desk.platform.faults(request);
    const { fault, left } = decideFault(this.#faults, { platform, destination, method, path, possible }, random);
    this.#faults = left;
    if (fault !== null && fault !== 'partial') desk.countFault(fault);
    this.#touch();
    const { latencyMs, slowMs } = this.#faults;
    if (latencyMs > 0) await this.#options.clock.sleep(latencyMs);
    const answer = this.#apply(desk, request, { number, fault, random });
    if (fault === 'slow') await this.#options.clock.sleep(slowMs);
    return answer;
  }

  #apply(
    desk: DestinationDesk,
    request: SandboxRequest,
    {
      number,
      fault,
      random,
    }: { readonly number: number; readonly fault: FaultKind | null; readonly random: () => number },
  ): Answer | 'cut' {
    const now = this.#options.clock.now();
    const context = this.#context(desk, {
      number,
      now,
      unlucky: fault === 'partial' ? unluckyRows(desk, random) : () => false,
    });
    const applied = isApplied(fault, desk.platform.htmlApplies) ? desk.world.handle(request, context) : null;
    const answer = replacement(desk, { fault, context, applied });
    const path = mask(request.path).slice(0, 300);
    const { rows = 0, rejected = 0 } = applied ?? {};
    const status = answer === 'cut' ? null : answer.status;
    desk.enter({ at: new Date(now).toISOString(), method: request.method, path, status, rows, rejected, fault });
    return answer;
  }

  #context(
    desk: DestinationDesk,
    { number, now, unlucky }: { readonly number: number; readonly now: number; readonly unlucky: () => boolean },
  ): RequestContext {
    const { rate, notReadyCalls, poisonAnswer, retryAfterSeconds } = this.#faults;
    const trace = createHash('sha256').update(`${this.#instance}\n${desk.destination}\n${number}`).digest('base64url');
    return {
      ...{
        destination: desk.destination,
        now,
        traceId: trace.slice(0, 22),
        limits: this.#options.limits,
        retryAfterSeconds,
      },
      notReadyCalls: notReadyCalls ?? (rate > 0 ? 1 : 0),
      unlucky,
      poison: (values) => (values.some((value) => this.#poison.has(value)) ? poisonAnswer : null),
      violate: (rule, detail) => desk.violate({ at: new Date(now).toISOString(), rule, detail }),
      repeat: () => desk.countRepeat(),
    };
  }

  /** Of each list of rows the latest `rowsMax`. */
  state(rowsMax = Number.POSITIVE_INFINITY): SandboxState {
    const desks = [...this.#desks].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      ...{
        version: 1,
        instance: this.#instance,
        url: this.#options.url,
        startedAt: this.#startedAt,
        faults: this.#faults,
      },
      destinations: desks.map(([, desk]) => desk.state(this.baseUrl(desk.platform.name, desk.destination), rowsMax)),
    };
  }

  flush(): void {
    this.#options.stateFile?.flush();
  }

  #touch(): void {
    this.#options.stateFile?.touch(() => ({
      ...{ version: 1, instance: this.#instance, startedAt: this.#startedAt },
      destinations: [...this.#desks.values()].map((desk) => ({
        ...{ platform: desk.platform.name, destination: desk.destination, desk: desk.save() },
      })),
    }));
  }

  #desk(platform: string, destination: string): DestinationDesk | null {
    const id = `${platform}/${destination}`;
    const known = this.#desks.get(id);
    if (known) return known;
    const simulated = simulatedPlatforms.get(platform);
    if (!simulated || !DESTINATION_NAME.test(destination) || this.#desks.size >= DESTINATIONS_MAX) return null;
    const desk = new DestinationDesk(simulated, destination, null);
    this.#desks.set(id, desk);
    return desk;
  }

  #restore(saved: SavedState): void {
    try {
      for (const { platform, destination, desk } of saved.destinations) {
        const simulated = simulatedPlatforms.get(platform);
        if (simulated) this.#desks.set(`${platform}/${destination}`, new DestinationDesk(simulated, destination, desk));
      }
      this.#instance = saved.instance;
      this.#startedAt = saved.startedAt;
    } catch (thrown) {
      this.#desks.clear();
      this.#options.logger.warn('sandbox.state_lost', {
        reason: `it is of another version: ${messageOf(thrown).slice(0, 200)}`,
      });
    }
  }
}

/** The first row is always hit, so that the fault shows; counted once a request. */
function unluckyRows(desk: DestinationDesk, random: () => number): () => boolean {
  let asked = 0;
  return () => {
    asked += 1;
    if (asked === 1) desk.countFault('partial');
    return asked === 1 || random() < UNLUCKY_SHARE;
  };
}

function isApplied(fault: FaultKind | null, htmlApplies: boolean): boolean {
  switch (fault) {
    case 'throttled':
    case 'server_error':
    case 'unavailable':
    case 'reset_before':
    case 'empty':
      return false;
    case 'html':
      return htmlApplies;
    case 'reset_after':
    case 'timeout_after':
    case 'slow':
    case 'partial':
    case null:
      return true;
  }
}

/** What is said in place of the platform's own answer. */
function replacement(
  desk: DestinationDesk,
  {
    fault,
    context,
    applied,
  }: { readonly fault: FaultKind | null; readonly context: RequestContext; readonly applied: Answer | null },
): Answer | 'cut' {
  switch (fault) {
    case 'reset_before':
    case 'reset_after':
      return 'cut';
    case 'html':
      return {
        ...{ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, rows: 0, rejected: 0 },
        body: '<!doctype html><title>One moment</title><p>One moment, please.</p>',
      };
    case 'throttled':
    case 'server_error':
    case 'unavailable':
    case 'timeout_after':
    case 'empty':
      return desk.platform.failure(fault, context);
    case 'slow':
    case 'partial':
    case null:
      return applied ?? desk.platform.failure('server_error', context);
  }
}

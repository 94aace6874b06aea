import { type Clock, systemClock } from '../clock.ts';
import { type Logger, silentLogger } from '../log.ts';
import { control } from './control.ts';
import { Exchange } from './exchange.ts';
import { changeFaults, type FaultChange, type FaultSettings, noFaults } from './faults.ts';
import { type DestinationSetup, defaultLimits, type RequestLimits } from './platform.ts';
import { simulatedPlatforms } from './platforms.ts';
import type { SandboxState } from './sandbox-state.ts';
import { type Handler, openLoopbackServer } from './server.ts';
import { StateFile } from './state-file.ts';

/** Where `dinmo sandbox` listens unless told otherwise. */
export const SANDBOX_PORT = 8900;

export interface SandboxOptions {
  /** 0: any free port. */
  readonly port?: number;
  /** Share of requests that meet a fault, 0 to 1; see `setFaults` for more. */
  readonly faultRate?: number;
  readonly latencyMs?: number;
  /** The same seed and the same order of requests meet the same faults. */
  readonly seed?: number;
  /** Absolute path; null: the state is gone when the process is. Unmasked data, readable by the owner only. */
  readonly stateFile?: string | null;
  readonly limits?: Partial<RequestLimits>;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export interface Sandbox {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Random; changes whenever the state starts empty, so read it each time. */
  readonly instance: string;
  /**
   * What takes the place of a platform's scheme, host and port: `<url>/<platform>/<destination>`; the API's own path follows
   * it whole. For a webhook, what `config.url`'s scheme, host and port become.
   */
  baseUrl(platform: string, destination: string): string;
  state(): SandboxState;
  /** Replaces the keys given. Throws DinmoError (sandbox-faults-invalid). */
  setFaults(change: FaultChange): FaultSettings;
  /** Tells what only the project knows: a webhook's secret, a folder of files. Throws DinmoError. */
  configure(platform: string, destination: string, setup: DestinationSetup): void;
  /** Empties everything, under a new instance. */
  reset(): void;
  /** Writes the state and stops listening. */
  close(): Promise<void>;
}

/**
 * Starts the simulated platforms on 127.0.0.1.
 * Throws DinmoError: sandbox-port-taken, sandbox-faults-invalid, sandbox-state-unwritable.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { clock = systemClock, logger = silentLogger, stateFile = null } = options;
  const faults = changeFaults(noFaults, {
    ...(options.faultRate === undefined ? {} : { rate: options.faultRate }),
    ...(options.latencyMs === undefined ? {} : { latencyMs: options.latencyMs }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  });
  const server = await openLoopbackServer(options.port ?? 0, logger);
  const { url } = server;
  let exchange: Exchange;
  try {
    exchange = new Exchange({
      ...{ url, faults, clock, logger, limits: { ...defaultLimits, ...options.limits } },
      stateFile: stateFile === null ? null : new StateFile(stateFile, logger),
    });
  } catch (thrown) {
    await server.close();
    throw thrown;
  }
  server.serve(handlerOf(exchange));
  logger.info('sandbox.started', { url, instance: exchange.instance });
  return {
    url,
    get instance() {
      return exchange.instance;
    },
    baseUrl: (platform, destination) => exchange.baseUrl(platform, destination),
    state: () => exchange.state(),
    setFaults: (change) => exchange.changeFaults(change),
    configure: (platform, destination, setup) => exchange.configure(platform, destination, setup),
    reset: () => exchange.reset(),
    async close() {
      await server.close();
      exchange.flush();
    },
  };
}

/** `/<platform>/<destination>/…` is the platform's; every other path is the sandbox's own. */
function handlerOf(exchange: Exchange): Handler {
  return async (incoming) => {
    const [, platform = '', destination = ''] = /^\/([a-z]+)\/([^/]+)/.exec(incoming.path) ?? [];
    if (!simulatedPlatforms.has(platform)) return control(exchange, incoming);
    const baseUrl = exchange.baseUrl(platform, destination);
    const path = incoming.path.slice(`/${platform}/${destination}`.length) || '/';
    const answer = await exchange.answer(platform, destination, { ...incoming, path, baseUrl });
    return answer ?? control(exchange, incoming);
  };
}

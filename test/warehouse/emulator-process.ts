import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const START_MS_MAX = 60_000;

/** Ends with the process that started it: then its end of the pipe is closed. */
const GUARDED = '"$@" & server=$!; cat > /dev/null; kill -KILL $server 2> /dev/null';

/** The Python of an emulator that `npm run setup -- --with-versions` installs; null where it is not there. */
export function emulatorPython(name: string): string | null {
  const python = join(ROOT, '.venvs', name, 'bin/python');
  return existsSync(python) ? python : null;
}

/** Starts an emulator that lives no longer than this process, however that ends, and waits until it answers the request. */
export async function startEmulator(program: readonly string[], probe: () => Promise<Response>): Promise<void> {
  const said = process.env['DINMO_EMULATOR_LOG'] === undefined ? 'ignore' : 'inherit';
  const child = spawn('/bin/sh', ['-c', GUARDED, 'emulator', ...program], {
    stdio: ['pipe', 'ignore', said],
    detached: true,
  });
  child.unref();
  const deadline = Date.now() + START_MS_MAX;
  for (;;) {
    try {
      await (await probe()).text();
      return;
    } catch (thrown) {
      if (Date.now() > deadline) throw thrown;
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

/** A port of this machine that nobody listens to. */
export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address === null || typeof address === 'string' ? failed(new Error('no port')) : done(address.port),
      );
    });
  });
}

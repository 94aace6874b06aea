import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { EXECUTABLE } from './dinmo.ts';

/** The simulated platforms, in a process of their own. */
export interface RunningSandbox {
  readonly url: string;
  end(): Promise<void>;
}

export async function startSandbox(): Promise<RunningSandbox> {
  const child = spawn(process.execPath, [EXECUTABLE, 'sandbox', '--port', '0', '--output', 'json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [text] = await once(child.stdout, 'data');
  const { url } = JSON.parse(String(text)) as { readonly url: string }; // documented output
  return {
    url,
    end: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

// @ts-check
// Runs the commands of the demo, one line each: what, how long, and on failure what it printed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A step failed; the message says which, with what it printed. */
export class StepError extends Error {}

export class Commands {
  /** @type {import('node:child_process').ChildProcess | null} */
  #sandbox = null;
  #sandboxUrl = '';
  #root;
  #project;

  /** @param {{ root: string, project: string }} folders Absolute. */
  constructor({ root, project }) {
    this.#root = root;
    this.#project = project;
  }

  get #environment() {
    return {
      ...process.env,
      DBT_SEND_ANONYMOUS_USAGE_STATS: '0',
      DBT_PROFILES_DIR: this.#project,
      // The sandbox takes any credentials; a real platform would not.
      META_ACCESS_TOKEN: 'rehearsal',
      HUBSPOT_ACCESS_TOKEN: 'rehearsal',
      CRM_HOOK_SECRET: 'rehearsal',
      ...(this.#sandboxUrl === '' ? {} : { DINMO_SANDBOX_URL: this.#sandboxUrl }),
    };
  }

  /** @param {string} title @param {readonly string[]} args */
  node(title, args) {
    return this.#step(title, process.execPath, args, this.#root);
  }

  /** @param {string} title @param {readonly string[]} args */
  dbt(title, args) {
    const dbt = join(this.#root, '.venv', process.platform === 'win32' ? 'Scripts/dbt.exe' : 'bin/dbt');
    return this.#step(title, dbt, ['--quiet', ...args], this.#project);
  }

  /** @param {string} title @param {readonly string[]} args */
  dinmo(title, args) {
    return this.#step(title, process.execPath, [join(this.#root, 'src/cli/main.ts'), ...args], this.#project);
  }

  /** @param {string} title @param {readonly string[]} args @returns {Promise<any>} */
  async dinmoJson(title, args) {
    return JSON.parse(await this.dinmo(title, [...args, '--output', 'json']));
  }

  /** Starts the simulated platforms on a free port; they end with `close`. Returns where they listen. */
  async startSandbox() {
    const args = [join(this.#root, 'src/cli/main.ts'), 'sandbox', '--port', '0'];
    const child = spawn(process.execPath, args, {
      cwd: this.#project,
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#sandbox = child;
    let printed = '';
    /** @type {Promise<string>} */
    const listening = new Promise((resolve) => {
      /** @param {Buffer} chunk */
      const look = (chunk) => {
        printed += chunk.toString();
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0];
        if (url) resolve(url);
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
    });
    const ended = once(child, 'exit').then(() => {
      throw new StepError(`dinmo sandbox ended:\n${printed}`);
    });
    ended.catch(() => undefined);
    this.#sandboxUrl = await Promise.race([listening, ended]);
    return this.#sandboxUrl;
  }

  async close() {
    const child = this.#sandbox;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }

  /** @param {string} title @param {string} command @param {readonly string[]} args @param {string} cwd @returns {Promise<string>} what it printed on stdout */
  async #step(title, command, args, cwd) {
    const started = Date.now();
    process.stdout.write(`  ${title} `);
    const child = spawn(command, args, { cwd, env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk) => {
      err += chunk.toString();
    });
    const [code] = /** @type {[number | null]} */ (await once(child, 'close'));
    process.stdout.write(
      `${'.'.repeat(Math.max(3, 40 - title.length))} ${((Date.now() - started) / 1000).toFixed(1)} s\n`,
    );
    if (code !== 0) throw new StepError(`${title} ended with ${code}:\n${out}${err}`);
    return out;
  }
}

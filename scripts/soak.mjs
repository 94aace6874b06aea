// npm run soak -- --histories 100000 --seed 1
// npm run soak -- --world '{…}'      plays one world again, as a failure printed it
//
// Plays random histories of changes, faults and deaths in simulated worlds (test/simulation), in two processes. Prints how
// far it is, each failure with the smallest world that shows it, and in the end what has happened how often.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const PROCESSES = 2;
const HISTORIES_PER_WORLD = 20;
const REPORT_MS = 10_000;
const player = fileURLToPath(new URL('../test/simulation/soak.ts', import.meta.url));

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    world: { type: 'string' },
  },
});

/** One process; what it tells, line by line. */
function play(args, hear) {
  const child = spawn(process.execPath, [player, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: child.stdout }).on('line', (line) => hear(JSON.parse(line)));
  return new Promise((resolve) => {
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** Sums of counts, by title and name. */
const counts = new Map();

function count(tally) {
  for (const [title, names] of Object.entries(tally)) {
    const sums = counts.get(title) ?? new Map();
    counts.set(title, sums);
    for (const [name, times] of Object.entries(names)) sums.set(name, (sums.get(name) ?? 0) + times);
  }
}

function printTable() {
  for (const [title, sums] of counts) {
    console.log(`\n${title}`);
    const sorted = [...sums].sort(([, one], [, other]) => other - one);
    for (const [name, times] of sorted) console.log(`${String(times).padStart(10)}  ${name}`);
  }
}

async function playOne(world) {
  let problems = [];
  const code = await play(['--world', world], (told) => {
    problems = told.problems;
  });
  for (const problem of problems) console.log(`→ ${problem}`);
  if (problems.length === 0 && code === 0) console.log('All is as it should be.');
  process.exitCode = problems.length > 0 || code !== 0 ? 1 : 0;
}

async function playMany() {
  const worlds = Math.ceil(Number(values.histories) / HISTORIES_PER_WORLD);
  const started = performance.now();
  const done = Array.from({ length: PROCESSES }, () => 0);
  let failures = 0;
  const report = () => {
    const histories = done.reduce((sum, one) => sum + one, 0);
    const seconds = (performance.now() - started) / 1000;
    const rate = histories / seconds;
    const left = Math.max(0, worlds * HISTORIES_PER_WORLD - histories) / Math.max(rate, 0.001);
    const failed = failures === 0 ? '' : `, ${failures} worlds failed`;
    console.log(
      `${histories} histories in ${seconds.toFixed(0)} s, ${rate.toFixed(0)} a second, ${left.toFixed(0)} s to go${failed}`,
    );
  };
  const timer = setInterval(report, REPORT_MS);
  const codes = await Promise.all(
    done.map((_, index) => {
      const share = Math.ceil((worlds - index) / PROCESSES);
      const args = [
        '--from',
        String(Number(values.seed) + index),
        '--step',
        String(PROCESSES),
        '--worlds',
        String(share),
      ];
      return play(args, (told) => {
        if (told.histories !== undefined) done[index] = told.histories;
        if (told.tally !== undefined) count(told.tally);
        if (told.problems === undefined) return;
        failures++;
        console.log(`\nSeed ${told.seed}:\n${told.problems.map((problem) => `→ ${problem}`).join('\n')}`);
        console.log(`The smallest world that fails likewise:\n${told.explained}\n`);
      });
    }),
  );
  clearInterval(timer);
  report();
  printTable();
  process.exitCode = failures > 0 || codes.some((code) => code !== 0) ? 1 : 0;
}

await (values.world === undefined ? playMany() : playOne(values.world));

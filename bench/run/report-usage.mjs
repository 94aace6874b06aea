// Loaded before a measured Node program: writes what the process took into the file that BENCH_USAGE names, as it ends.
import { readFileSync, writeFileSync } from 'node:fs';

const MB = 1024 * 1024;
const file = process.env.BENCH_USAGE;
let nodeMb = 0;

function look() {
  const { heapUsed, external } = process.memoryUsage();
  nodeMb = Math.max(nodeMb, (heapUsed + external) / MB);
}

/** Bytes that were given to the system to write, to files and sockets; Linux alone says it. */
function written() {
  try {
    const found = /^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'));
    return found ? Number(found[1]) / MB : null;
  } catch {
    return null;
  }
}

if (file) {
  const watched = process.env.BENCH_WATCH_HEAP === '1';
  if (watched) setInterval(look, 20).unref();
  process.on('exit', () => {
    if (watched) look();
    const { user, system } = process.cpuUsage();
    const usage = {
      cpuS: (user + system) / 1e6,
      rssMb: process.resourceUsage().maxRSS / 1024,
      writtenMb: written(),
      nodeMb: watched ? nodeMb : null,
    };
    writeFileSync(file, JSON.stringify(usage));
  });
}

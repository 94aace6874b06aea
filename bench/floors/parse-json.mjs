// Reads a file and parses it: `parse-json.mjs FILE`
import { readFileSync } from 'node:fs';

const parsed = JSON.parse(readFileSync(process.argv[2], 'utf8'));
process.stdout.write(String(Object.keys(parsed.nodes).length));

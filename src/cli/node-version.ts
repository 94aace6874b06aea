/** Whether a Node (`22.18.0`) is as new as `engines` of package.json asks (`>=22.18`). */
export function isNewEnough(version: string, wanted: string): boolean {
  const [major = 0, minor = 0] = numbersOf(version);
  const [majorMin = 0, minorMin = 0] = numbersOf(wanted);
  return major > majorMin || (major === majorMin && minor >= minorMin);
}

function numbersOf(text: string): readonly number[] {
  return (text.match(/\d+/g) ?? []).map(Number);
}

/** What a person reads whose Node is too old: packages that this program stands on fail there in ways that explain nothing. */
export function oldNodeText(version: string, wanted: string): string {
  return [
    `dinmo needs Node ${numbersOf(wanted).join('.')} or newer; this is Node ${version}.`,
    '→ Install a current one, or put one beside it: `npm install -D node@24`, then `npx dinmo` uses that.',
    '',
  ].join('\n');
}

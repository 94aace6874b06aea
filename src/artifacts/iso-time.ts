/** dbt 1.x writes microseconds, dbt 2 nanoseconds, older ones no zone (UTC is meant). ISO, UTC; null for what is no time. */
export function isoTime(text: string | null): string | null {
  const parts = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,3})\d*)?(Z|[+-]\d\d:?\d\d)?$/.exec(text ?? '');
  if (parts === null) return null;
  const time = new Date(`${parts[1]}T${parts[2]}.${(parts[3] ?? '0').padEnd(3, '0')}${parts[4] ?? 'Z'}`);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}

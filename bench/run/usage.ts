/** What a process took, from its start to its end. */
export interface Usage {
  /** As seen by who started it. */
  readonly wallS: number;
  /** User and system time of all its threads. */
  readonly cpuS: number;
  /** The most memory it ever held. */
  readonly rssMb: number;
  /** Bytes that it gave the disk to write; null where the system does not say. */
  readonly writtenMb: number | null;
  /** The most that JavaScript itself held: heap and buffers; null where the process is not Node or was not asked. */
  readonly nodeMb: number | null;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

export function medianUsage(usages: readonly Usage[]): Usage {
  const of = (pick: (usage: Usage) => number): number => median(usages.map(pick));
  const maybe = (pick: (usage: Usage) => number | null): number | null => {
    const known = usages.map(pick).filter((value) => value !== null);
    return known.length === 0 ? null : median(known);
  };
  return {
    wallS: of((usage) => usage.wallS),
    cpuS: of((usage) => usage.cpuS),
    rssMb: of((usage) => usage.rssMb),
    writtenMb: maybe((usage) => usage.writtenMb),
    nodeMb: maybe((usage) => usage.nodeMb),
  };
}

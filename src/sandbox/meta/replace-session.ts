import { z } from 'zod';

const person = z.record(z.string(), z.array(z.string()));

export const savedSession = z.object({
  ...{ id: z.number(), startedAt: z.number(), ended: z.boolean() },
  /** Of each number that was taken: its body, and whom it brought. */
  batches: z.array(z.object({ seq: z.number(), body: z.string(), people: z.array(person) })),
});

/** A replacement of an audience's members that goes on, or the last one. */
export type ReplaceSession = z.infer<typeof savedSession>;

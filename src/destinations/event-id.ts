import { hash } from 'node:crypto';

/** 64 hex digits, the same for the same event of the same activation, for ever: a platform that knows it drops a second one. */
export function eventId(activation: string, eventName: string, key: string): string {
  return hash('sha256', JSON.stringify([activation, eventName, key]));
}

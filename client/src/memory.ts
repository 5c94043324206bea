/** What tells a message of a room from others: ids are the sender's own. */
export interface Identified {
  /** Absent where the server itself published. */
  readonly from?: string;
  readonly id: string;
  readonly timestamp: number;
}

interface Given {
  readonly timestamp: number;
  /** The server may have a reason to send it once more. */
  isExpected: boolean;
}

/** The latest numbered messages that a room gave to the application, the oldest first. */
export type Memory = Map<string, Given>;

/** Messages that one room remembers. */
export const MAX_REMEMBERED = 1000;
/**
 * Time between two messages of one id that count as the same message, in milliseconds. By default the server takes an
 * id once in this time; afterwards, its sender may use it for another message.
 */
export const SAME_MS = 300_000;

/**
 * Finds out whether a message was given before, and remembers one that was not.
 *
 * @param isExpected the server may have a reason to send it once more
 * @param isLate its place has been passed: it is not remembered
 * @returns `undefined` for a new message, otherwise whether the server may have had a reason to send it again
 */
export function recall(
  memory: Memory,
  { from = '', id, timestamp }: Identified,
  isExpected: boolean,
  isLate = false,
): boolean | undefined {
  // Neither part can hold a line end.
  const key = `${from}\n${id}`;
  const before = memory.get(key);
  if (isLate || (before && timestamp - before.timestamp < SAME_MS)) return before?.isExpected ?? isExpected;
  memory.delete(key);
  memory.set(key, { timestamp, isExpected });
  for (const oldest of memory.keys()) {
    if (memory.size <= MAX_REMEMBERED) break;
    memory.delete(oldest);
  }
  return undefined;
}

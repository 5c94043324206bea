import type { Room } from './room.js';

/** Limit on rooms that were left, still have handlers, and are kept so that they can be joined again. */
const MAX_LEFT = 1000;
/** Limit on the messages of one room that are kept from before it is joined, and on the rooms that have any. */
const MAX_EARLY = 100;

/**
 * The rooms of a client: the same object for the same name, as long as anything refers to it.
 *
 * The client keeps a room only while it is joined or has handlers. The garbage collector frees every other room that
 * the application does not hold.
 */
export function createRooms(make: (name: string) => Room) {
  const known = new Map<string, WeakRef<Room>>();
  const gone = new FinalizationRegistry<string>((name) => {
    // There may be another one by now.
    if (find(name) === undefined) known.delete(name);
  });
  const kept = new Set<Room>();
  /** In the order in which they were left. */
  const left = new Set<Room>();
  /** Rooms that published over the present connection before they were joined, and how many messages. */
  const early = new Map<Room, number>();

  function find(name: string): Room | undefined {
    return known.get(name)?.deref();
  }

  function get(name: string): Room {
    const found = find(name);
    if (found !== undefined) return found;
    const room = make(name);
    known.set(name, new WeakRef(room));
    gone.register(room, name);
    return room;
  }

  /** Keeps a room, or stops keeping it. Of the rooms that were left, only the latest are kept. */
  function keep(room: Room, isNeeded: boolean, isLeft: boolean): void {
    kept.delete(room);
    left.delete(room);
    if (isNeeded) (isLeft ? left : kept).add(room);
    for (const oldest of left) {
      if (left.size <= MAX_LEFT) break;
      left.delete(oldest);
    }
  }

  /**
   * Counts messages that a room published before it was joined, and keeps the room: when it is joined from a position
   * before them, it has to be the same one.
   *
   * @returns false when it may have published more than is kept
   */
  function keepsEarly(room: Room, more: number): boolean {
    const before = early.get(room) ?? (early.size < MAX_EARLY ? 0 : Infinity);
    if (more > 0 && before < Infinity) early.set(room, before + more);
    return before + more <= MAX_EARLY;
  }

  function all(): Room[] {
    return [...known.values()].flatMap((reference) => reference.deref() ?? []);
  }

  return { find, get, keep, keepsEarly, all, forgetEarly: () => early.clear() };
}

export type Rooms = ReturnType<typeof createRooms>;

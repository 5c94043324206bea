import type { Position } from '../../src/protocol/position.js';
import { attempt } from './attempt.js';
import { clientError, type RookeryError } from './errors.js';
import type { PositionStore } from './positions.js';

/** Between the client and the application's store: many moves of a room within one turn are stored once. */
export function createPositionKeeper(store: PositionStore, onError: (error: RookeryError) => void) {
  /** Not stored yet; `undefined` where there shall be none any more. */
  const moved = new Map<string, Position | undefined>();
  /** What the store is doing about a room. What comes next waits for it, so that what is later stays. */
  const busy = new Map<string, Promise<void>>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function moveTo(room: string, position: Position): void {
    moved.set(room, position);
    timer ??= setTimeout(storeAll);
  }

  /** At once, as the room was left: who joins it again begins anew. */
  function forget(room: string): void {
    moved.set(room, undefined);
    storeAll();
  }

  /** Stores now what would be stored at the end of the turn: there may be none. */
  function storeAll(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const [room, position] of moved) {
      if (busy.has(room)) continue;
      moved.delete(room);
      const result = attempt(() => (position ? store.set(room, position) : store.delete(room)), fail);
      if (!(result instanceof Promise)) continue;
      const done = result.then(() => {
        busy.delete(room);
        storeAll();
      });
      busy.set(room, done);
    }
  }

  /** Resolves when everything is stored. */
  async function settle(): Promise<void> {
    storeAll();
    while (busy.size > 0) await Promise.all(busy.values());
  }

  function fail(cause: unknown): undefined {
    onError(clientError('STORE_FAILED', 'No positions', undefined, cause));
  }

  /** Never fails: what cannot be read counts as not there, and is told. */
  function get(room: string): Position | undefined | Promise<Position | undefined> {
    if (moved.has(room)) return moved.get(room);
    return attempt<Position | undefined>(() => busy.get(room)?.then(() => get(room)) ?? store.get(room), fail);
  }

  return { get, moveTo, forget, storeAll, settle };
}

export type PositionKeeper = ReturnType<typeof createPositionKeeper>;

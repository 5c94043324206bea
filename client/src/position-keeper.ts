import type { Position } from '../../src/protocol/position.js';
import { clientError, type RookeryError } from './errors.js';
import type { PositionStore } from './positions.js';

/** Between the client and the application's store: many moves of a room within one turn are stored once. */
export function createPositionKeeper(store: PositionStore, onError: (error: RookeryError) => void) {
  const moved = new Map<string, Position>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function moveTo(room: string, position: Position): void {
    moved.set(room, position);
    timer ??= setTimeout(flush);
  }

  function remove(room: string): void {
    moved.delete(room);
    void safely(() => store.delete(room));
  }

  /** Stores now what would be stored at the end of the turn: there may be none. */
  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const [room, position] of moved) void safely(() => store.set(room, position));
    moved.clear();
  }

  function fail(cause: unknown): undefined {
    onError(clientError('STORE_FAILED', 'No positions', undefined, cause));
  }

  function safely<T>(act: () => T | Promise<T>): T | undefined | Promise<T | undefined> {
    try {
      const result = act();
      return result instanceof Promise ? result.catch(fail) : result;
    } catch (error) {
      return fail(error);
    }
  }

  /** Never fails: what cannot be read counts as not there, and is told. */
  function get(room: string): Position | undefined | Promise<Position | undefined> {
    return moved.get(room) ?? safely(() => store.get(room));
  }

  return { get, moveTo, remove, flush };
}

export type PositionKeeper = ReturnType<typeof createPositionKeeper>;

import type { Position } from '../../src/protocol/position.js';
import { clientError, type RookeryError } from './errors.js';
import type { PositionStore } from './positions.js';

/** Between the client and the application's store: many moves of a room within one turn are stored once. */
export class PositionKeeper {
  private readonly moved = new Map<string, Position>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly store: PositionStore,
    private readonly onError: (error: RookeryError) => void,
  ) {}

  /** Never fails: what cannot be read counts as not there, and is told. */
  get(room: string): Position | undefined | Promise<Position | undefined> {
    const moved = this.moved.get(room);
    if (moved !== undefined) return moved;
    return this.safely(() => this.store.get(room));
  }

  moveTo(room: string, position: Position): void {
    this.moved.set(room, position);
    this.timer ??= setTimeout(() => this.flush());
  }

  delete(room: string): void {
    this.moved.delete(room);
    void this.safely(() => this.store.delete(room));
  }

  /** Stores now what would be stored at the end of the turn: there may be none. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const [room, position] of this.moved) void this.safely(() => this.store.set(room, position));
    this.moved.clear();
  }

  private safely<T>(act: () => T | Promise<T>): T | undefined | Promise<T | undefined> {
    const fail = (cause: unknown): undefined => {
      this.onError(clientError('STORE_FAILED', 'The position store failed', undefined, cause));
    };
    try {
      const result = act();
      return result instanceof Promise ? result.catch(fail) : result;
    } catch (error) {
      return fail(error);
    }
  }
}

import type { Position } from '../../src/protocol/position.js';
import { Emitter } from './emitter.js';
import type { RookeryError } from './errors.js';
import type { History, HistoryOptions } from './history.js';
import type { Gap, Invalid, Joined, Left, Published, PublishOptions, RoomMessage } from './messages.js';
import type { PresenceList } from './presence.js';

/** What `room.on` tells of. */
export interface RoomEvents<Data> {
  message: RoomMessage<Data>;
  gap: Gap;
  joined: Joined;
  left: Left;
  invalid: Invalid;
  error: RookeryError;
}

export type RoomState = 'idle' | 'joining' | 'joined';

const todo = (): never => {
  throw new Error('to be built');
};

/** A room as one client sees it. Made by `client.room(name)`. */
export class Room<Received = unknown, Sent = Received> extends Emitter<RoomEvents<Received>> {
  constructor(readonly name: string) {
    super();
  }
  get state(): RoomState {
    return todo();
  }
  get position(): Position | undefined {
    return todo();
  }
  join(_options: { signal?: AbortSignal; recover?: Position | 'last' } = {}): Promise<Joined> {
    return todo();
  }
  leave(): Promise<void> {
    return todo();
  }
  publish(_data: Sent, _options: PublishOptions = {}): Promise<Published> {
    return todo();
  }
  messages(
    _options: { signal?: AbortSignal; max?: number } = {},
  ): AsyncIterableIterator<RoomMessage<Received>, undefined> {
    return todo();
  }
  [Symbol.asyncIterator](): AsyncIterableIterator<RoomMessage<Received>, undefined> {
    return this.messages();
  }
  history(_options: HistoryOptions = {}): History<Received> {
    return todo();
  }
  presence(): PresenceList {
    return todo();
  }
  acknowledge(_to: Position | RoomMessage): Promise<void> {
    return todo();
  }
}

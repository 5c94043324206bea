import { Emitter } from './emitter.js';
import type { RookeryError } from './errors.js';
import type { DirectMessage, Gap, Published, PublishOptions } from './messages.js';
import type { ClientOptions } from './options.js';
import type { Room } from './room.js';
import type { AnyRooms, PublishedIn, ReceivedIn, RoomName } from './typed-rooms.js';

export type ClientState = 'connecting' | 'connected' | 'reconnecting' | 'closed';

/** Comes when the state changes, and again when another attempt was put off. */
export interface StateChange {
  readonly state: ClientState;
  readonly previous: ClientState;
  readonly reason?: string;
  readonly code?: number;
  readonly retryInMs?: number;
}

/** What `client.on` tells of. */
export interface ClientEvents {
  state: StateChange;
  broadcast: DirectMessage;
  'user:message': DirectMessage;
  gap: Gap;
  message: { readonly type: string; readonly payload: unknown };
  error: RookeryError;
}

const todo = (): never => {
  throw new Error('to be built');
};

export class RookeryClient<Rooms extends object = AnyRooms> extends Emitter<ClientEvents> {
  constructor(
    readonly url: string | URL,
    readonly options: ClientOptions<Rooms> = {},
  ) {
    super();
  }
  get state(): ClientState {
    return todo();
  }
  get clientId(): string | undefined {
    return todo();
  }
  get userId(): string | undefined {
    return todo();
  }
  connect(): Promise<void> {
    return todo();
  }
  close(): Promise<void> {
    return todo();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
  room<Name extends RoomName<Rooms>>(_name: Name): Room<ReceivedIn<Rooms, Name>, PublishedIn<Rooms, Name>> {
    return todo();
  }
  broadcast(_data: unknown, _options: PublishOptions = {}): Promise<Published> {
    return todo();
  }
  sendToUser(_userId: string, _data: unknown, _options: PublishOptions = {}): Promise<Published> {
    return todo();
  }
  request(
    _type: string,
    _payload?: unknown,
    _options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<unknown> {
    return todo();
  }
  send(_type: string, _payload?: unknown): void {
    todo();
  }
}

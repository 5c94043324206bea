import { Inject, Injectable } from '@nestjs/common';

import type { Principal } from '../auth/principal.js';
import { Broker, type MaybePromise } from '../broker/broker.js';
import type { PublishRequest, PublishResult } from '../broker/publication.js';
import { RoomRules } from '../config/room-rules.js';
import type { Connection } from '../connections/connection.js';
import { Turn } from '../connections/turn.js';
import { ProtocolError } from '../protocol/errors.js';
import type { AckPayload, PublishPayload } from '../protocol/messages.js';
import { EVERYBODY, parseRoomName, userRoom } from '../protocol/room-name.js';
import { RoomsService } from '../rooms/rooms.service.js';
import { Telemetry, type Source } from '../telemetry/telemetry.js';
import { Confirmations } from './confirmations.js';
import { RoomAccess } from './room-access.js';

const ONLY_SERVER = 'The rule of the room lets only the server publish';

/** How to publish. */
export interface PublishOptions {
  /** Makes the publish idempotent for the deduplication window. */
  readonly id?: string;
  /** Neither numbered nor kept. */
  readonly volatile?: boolean;
  /** The user id that members see as the sender; left out, the server itself is. */
  readonly from?: string;
}

/** Publishing, from anywhere in the application. */
@Injectable()
export class MessagingService {
  constructor(
    @Inject(Broker) private readonly broker: Broker,
    private readonly rules: RoomRules,
    private readonly access: RoomAccess,
    private readonly rooms: RoomsService,
    private readonly confirmations: Confirmations,
    private readonly telemetry: Telemetry,
    private readonly turn: Turn,
  ) {}

  /**
   * Publishes to a room, whether or not anybody is in it. The code that calls this needs no grant.
   *
   * @param data any JSON value; `JSON.stringify` writes it, which makes `null` of `NaN` and `Infinity`
   * @returns the message's position, when the broker has accepted it
   * @throws ProtocolError `ROOM_NAME_INVALID`, `INVALID_PAYLOAD`
   * @throws BrokerUnavailableError safe to repeat with the same id
   * @example
   * const { offset } = await messaging.publish('order:42', { state: 'shipped' }, { id: 'order-42-shipped' });
   */
  async publish(room: string, data: unknown, options: PublishOptions = {}): Promise<AckPayload> {
    return this.send('service', { ...options, room: parseRoomName(room), data: jsonOf(data) });
  }

  /** Publishes to every connection of every node. See {@link publish}. */
  broadcast(data: unknown, options: PublishOptions = {}): Promise<AckPayload> {
    return this.publish(EVERYBODY, data, options);
  }

  /** Publishes to every connection of one user. See {@link publish}. */
  sendToUser(userId: string, data: unknown, options: PublishOptions = {}): Promise<AckPayload> {
    return this.publish(userRoom(userId), data, options);
  }

  /**
   * Publishes for a client: grant and room rule are asked first.
   *
   * @param connection the client's, which does not get its own message back; undefined over REST
   * @returns in two steps: the outer promise when the order is fixed, the inner one when the broker has accepted
   * @internal
   */
  publishFor(
    principal: Principal,
    payload: PublishPayload,
    connection?: Connection,
  ): MaybePromise<{ readonly ack: MaybePromise<AckPayload> }> {
    const { room } = payload;
    const proceed = (): { readonly ack: MaybePromise<AckPayload> } => {
      this.checkRule(principal, room, connection);
      const { id, volatile, confirm } = payload;
      // Over REST an administrator is the server itself.
      const isServer = connection === undefined && (principal.admin || principal.userId === '');
      const from = isServer ? undefined : principal.userId;
      const request = { room, data: jsonOf(payload.data), from, id, volatile, origin: connection?.id };
      const send = (): MaybePromise<AckPayload> => this.send(connection === undefined ? 'rest' : 'websocket', request);
      if (confirm === undefined) return { ack: send() };
      return { ack: this.confirmations.waitFor(room, connection?.id, confirm.timeoutMs, send) };
    };
    return this.access.when(principal, 'publish', room, proceed, connection);
  }

  private checkRule(principal: Principal, room: string, connection: Connection | undefined): void {
    const { publish } = this.rules.of(room);
    if (publish === 'server' && !(connection === undefined && principal.admin)) {
      throw new ProtocolError('FORBIDDEN').noted({ action: 'publish', room, reason: ONLY_SERVER });
    }
    if (publish === 'members' && connection !== undefined && !this.rooms.isMember(connection, room)) {
      throw new ProtocolError('NOT_JOINED').noted({ action: 'publish', room });
    }
  }

  private send(source: Source, request: PublishRequest): MaybePromise<AckPayload> {
    const startedAt = this.turn.publishTime();
    const result = this.broker.publish(request);
    if (result instanceof Promise)
      return result.then((late) => this.acceptedLate(source, request.room, late, startedAt));
    this.turn.publishAccepted();
    return this.accepted(source, request.room, result);
  }

  private acceptedLate(source: Source, room: string, result: PublishResult, startedAt: number): AckPayload {
    this.telemetry.publishSeconds.observe((this.turn.publishTime() - startedAt) / 1000);
    return this.accepted(source, room, result);
  }

  private accepted(source: Source, room: string, result: PublishResult): AckPayload {
    this.telemetry.published.add(source);
    return { room, ...result };
  }
}

/** The JSON text of what is published. */
function jsonOf(data: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(data);
  } catch {
    // A cycle, a BigInt, or nesting beyond the stack.
  }
  if (text === undefined) throw new ProtocolError('INVALID_PAYLOAD', { field: 'data', rule: 'must be a JSON value' });
  return text;
}

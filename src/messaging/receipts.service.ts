import { Inject, Injectable } from '@nestjs/common';

import { Broker, type MaybePromise, type PageLimit } from '../broker/broker.js';
import type { Connection } from '../connections/connection.js';
import { reply, type Reply } from '../connections/reply.js';
import { ProtocolError } from '../protocol/errors.js';
import type { ReceiptPayload } from '../protocol/messages.js';
import type { Position } from '../protocol/position.js';
import { RoomsService } from '../rooms/rooms.service.js';
import { Confirmations } from './confirmations.js';

/** Only the room's position is read. */
const NOTHING: PageLimit = { count: 1, bytes: 1 };

/** How far members have dealt with what they got. */
@Injectable()
export class ReceiptsService {
  constructor(
    @Inject(Broker) private readonly broker: Broker,
    private readonly rooms: RoomsService,
    private readonly confirmations: Confirmations,
  ) {}

  /**
   * Takes a member's acknowledgement of everything up to a position.
   *
   * @throws ProtocolError `NOT_JOINED`, `INVALID_PAYLOAD` for a position that the room has not reached
   */
  acknowledge(connection: Connection, receipt: ReceiptPayload): MaybePromise<Reply> {
    const { room, epoch, offset } = receipt;
    const position = this.rooms.isMember(connection, room) ? this.rooms.position(room) : undefined;
    if (position === undefined) throw new ProtocolError('NOT_JOINED');
    if (hasReached(position, receipt)) return this.keep(connection, receipt);
    // A publish may be acknowledged before its delivery arrives at this node.
    const page = this.broker.history(room, { epoch, offset }, NOTHING);
    if (!(page instanceof Promise)) return this.keepIfReached(connection, receipt, page.head);
    return page.then(({ head }) => this.keepIfReached(connection, receipt, head));
  }

  private keepIfReached(connection: Connection, receipt: ReceiptPayload, head: Position): MaybePromise<Reply> {
    if (!this.rooms.isMember(connection, receipt.room)) throw new ProtocolError('NOT_JOINED');
    if (hasReached(head, receipt)) return this.keep(connection, receipt);
    throw new ProtocolError('INVALID_PAYLOAD', {
      field: 'offset',
      rule: 'must be a position that the room has reached',
    });
  }

  private keep(connection: Connection, receipt: ReceiptPayload): MaybePromise<Reply> {
    const { room, epoch, offset } = receipt;
    this.rooms.acknowledge(connection, room, { epoch, offset });
    this.confirmations.acknowledged(room, connection.id, offset);
    const kept = this.broker.acknowledge(room, connection.userId, { epoch, offset });
    const answer = reply('ack', receipt);
    return kept instanceof Promise ? kept.then(() => answer) : answer;
  }
}

function hasReached(position: Position, { epoch, offset }: Position): boolean {
  return epoch === position.epoch && offset <= position.offset;
}

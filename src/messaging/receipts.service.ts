import { Inject, Injectable } from '@nestjs/common';

import { Broker, type MaybePromise } from '../broker/broker.js';
import type { Connection } from '../connections/connection.js';
import { reply, type Reply } from '../connections/reply.js';
import { ProtocolError } from '../protocol/errors.js';
import type { ReceiptPayload } from '../protocol/messages.js';
import { RoomsService } from '../rooms/rooms.service.js';
import { Confirmations } from './confirmations.js';

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
    if (epoch !== position.epoch || offset > position.offset) {
      throw new ProtocolError('INVALID_PAYLOAD', {
        field: 'offset',
        rule: 'must be a position that the room has reached',
      });
    }
    this.rooms.acknowledge(connection, room, { epoch, offset });
    this.confirmations.acknowledged(room, connection.id, offset);
    const kept = this.broker.acknowledge(room, connection.userId, { epoch, offset });
    const answer = reply('ack', receipt);
    return kept instanceof Promise ? kept.then(() => answer) : answer;
  }
}

import { Inject, Injectable } from '@nestjs/common';

import type { Principal } from '../auth/principal.js';
import type { RequestingConnection } from '../auth/room-policy.js';
import { Broker, type HistoryPage, type MaybePromise } from '../broker/broker.js';
import type { HistoryPayload, HistoryReply } from '../protocol/messages.js';
import { RoomAccess } from './room-access.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
/** A reply stays within what clients take for one message. */
const MAX_BYTES = 256 * 1024;

/** Reading back what a room keeps. */
@Injectable()
export class HistoryService {
  constructor(
    @Inject(Broker) private readonly broker: Broker,
    private readonly access: RoomAccess,
  ) {}

  /**
   * Reads one page of a room's history for a client.
   *
   * @param connection the client's; left out for REST
   * @throws ProtocolError `FORBIDDEN`
   */
  read(
    principal: Principal,
    { room, after, limit = DEFAULT_LIMIT }: HistoryPayload,
    connection?: RequestingConnection,
  ): MaybePromise<HistoryReply> {
    const proceed = (): MaybePromise<HistoryReply> => {
      const page = this.broker.history(room, after, { count: Math.min(limit, MAX_LIMIT), bytes: MAX_BYTES });
      return page instanceof Promise ? page.then((read) => replyOf(room, read)) : replyOf(room, page);
    };
    return this.access.when(principal, 'history', room, proceed, connection);
  }
}

function replyOf(room: string, { head, publications, lost, after }: HistoryPage): HistoryReply {
  const last = publications.at(-1)?.offset ?? after;
  return {
    room,
    ...head,
    messages: publications.map(({ data, from, id, offset, timestamp }) => ({
      room,
      data: JSON.parse(data) as unknown,
      ...(from === undefined ? {} : { from }),
      id,
      offset,
      timestamp,
    })),
    more: last < head.offset,
    ...(lost === undefined ? {} : { reason: lost }),
  };
}

import { Inject, Injectable, Logger } from '@nestjs/common';

import { Broker, type HistoryPage, type PageLimit } from '../broker/broker.js';
import type { NumberedPublication, Publication } from '../broker/publication.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { arrivalOf, readOn } from './read-on.js';
import type { Room } from './room.js';

const PAGE: PageLimit = { count: 1000, bytes: 1024 * 1024 };
/** Deliveries kept while the gap before them is read; those beyond are read from history as well. */
const MAX_AHEAD = 1000;
const RETRY_MS = 250;

/**
 * Takes deliveries into rooms, in order. What the broker lost on the way shows as a gap in the numbers, and is read
 * from history once for all members; what history does not have either is announced to them.
 */
@Injectable()
export class RoomIntake {
  private readonly logger = new Logger(RoomIntake.name);

  constructor(
    @Inject(Broker) private readonly broker: Broker,
    private readonly telemetry: Telemetry,
  ) {}

  /** Takes one delivery. */
  receive(room: Room, epoch: string, publication: Publication): void {
    const { offset } = publication;
    // While the broker starts delivery, nobody is in the room; what matters is kept until its position is known.
    if (room.opening !== undefined) this.keepAhead(room, epoch, publication);
    else if (offset === undefined) room.append(publication);
    else this.place(room, epoch, publication, offset);
  }

  /** Takes what was read from history for one member, in case it is news for the room. */
  absorb(room: Room, epoch: string, publications: readonly NumberedPublication[]): void {
    for (const publication of publications) {
      if (arrivalOf(room.position, epoch, publication.offset) === 'next') room.append(publication);
    }
  }

  /** Takes what came while the broker started delivery. */
  takeAhead(room: Room): void {
    const { ahead = [] } = room;
    room.ahead = undefined;
    for (const { epoch, publication } of ahead) this.receive(room, epoch, publication);
  }

  private place(room: Room, epoch: string, publication: Publication, offset: number): void {
    switch (arrivalOf(room.position, epoch, offset)) {
      case 'next':
        room.append(publication);
        return;
      case 'seen':
        return;
      case 'ahead':
        if (this.keepAhead(room, epoch, publication)) this.mend(room);
    }
  }

  /** @returns true when this is the first one */
  private keepAhead(room: Room, epoch: string, publication: Publication): boolean {
    const first = room.ahead === undefined;
    room.ahead ??= [];
    if (room.ahead.length < MAX_AHEAD) room.ahead.push({ epoch, publication });
    return first;
  }

  private mend(room: Room): void {
    if (room.size === 0) {
      room.ahead = undefined;
      return;
    }
    const page = this.broker.history(room.name, room.position, PAGE);
    if (!(page instanceof Promise)) {
      this.closeGap(room, page);
      return;
    }
    page.then(
      (read) => this.closeGap(room, read),
      (error: unknown) => {
        this.logger.debug(`History cannot be read: ${String(error)}`);
        setTimeout(() => this.mend(room), RETRY_MS).unref();
      },
    );
  }

  private closeGap(room: Room, page: HistoryPage): void {
    const { start, lost, publications } = readOn(page);
    if (lost !== undefined) this.announce(room, lost, this.resumeAt(room, start));
    const before = room.offset;
    this.absorb(room, page.head.epoch, publications);
    this.telemetry.mended += room.offset - before;
    const behind = room.epoch === page.head.epoch && room.offset < page.head.offset;
    const progressed = publications.length > 0;
    if (behind && progressed) this.mend(room);
    else this.takeAhead(room);
  }

  /** A room without history has nothing but what came: its members go on with that. */
  private resumeAt(room: Room, start: { epoch: string; offset: number }): { epoch: string; offset: number } {
    const first = room.ahead?.find(
      ({ epoch, publication }) => epoch === start.epoch && publication.offset !== undefined,
    );
    const offset = first?.publication.offset;
    return offset === undefined ? start : { epoch: start.epoch, offset: Math.min(start.offset, offset - 1) };
  }

  private announce(room: Room, reason: 'epoch' | 'trimmed' | 'expired', to: { epoch: string; offset: number }): void {
    room.skipTo(to);
    for (const { connection } of room.live) {
      connection.send('room:gap', { room: room.name, ...to, reason });
      this.telemetry.drops.add('gap');
    }
  }
}

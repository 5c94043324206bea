import { Inject, Injectable, Logger } from '@nestjs/common';

import { Broker, type HistoryPage, type PageLimit } from '../broker/broker.js';
import type { NumberedPublication, Publication } from '../broker/publication.js';
import type { LossReason, Position } from '../protocol/position.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { arrivalOf, isLevel, isSame, readOn } from './read-on.js';
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

  /** Takes where the broker says that the room stands: another history, or further, has to be read. */
  check(room: Room, head: Position): void {
    if (room.opening !== undefined || room.ahead !== undefined || isLevel(room.position, head)) return;
    room.ahead = [];
    this.mend(room);
  }

  /** Takes what came while the broker started delivery. */
  takeAhead(room: Room): void {
    this.drain(room, room.epoch);
    if (room.ahead !== undefined) this.mend(room);
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

  /** Takes what fits by now of the deliveries that came out of order, and keeps the rest. */
  private drain(room: Room, epoch: string): void {
    const waiting = room.ahead ?? [];
    room.ahead = undefined;
    for (const delivery of waiting) {
      // Of a history that is over: what it has instead is read from there.
      if (delivery.epoch !== epoch) continue;
      const { offset } = delivery.publication;
      const arrival = offset === undefined ? 'next' : arrivalOf(room.position, epoch, offset);
      if (arrival === 'next') room.append(delivery.publication);
      else if (arrival === 'ahead') (room.ahead ??= []).push(delivery);
    }
  }

  private mend(room: Room): void {
    if (room.size === 0 && room.entering === 0) {
      room.ahead = undefined;
      return;
    }
    const from = room.position;
    const page = this.broker.history(room.name, from, PAGE);
    if (!(page instanceof Promise)) {
      this.closeGap(room, from, page);
      return;
    }
    page.then(
      (read) => this.closeGap(room, from, read),
      (error: unknown) => {
        this.logger.debug(`History cannot be read: ${String(error)}`);
        this.mendLater(room);
      },
    );
  }

  private mendLater(room: Room): void {
    setTimeout(() => this.mend(room), RETRY_MS).unref();
  }

  private closeGap(room: Room, from: Position, page: HistoryPage): void {
    const { start, lost, publications } = readOn(page);
    if (lost === undefined && start.epoch !== room.epoch) {
      // Deliveries of the epoch before have come meanwhile: where the room stands now is still to be found in this one.
      if (!isSame(from, room.position)) {
        this.mend(room);
        return;
      }
      this.changeEpoch(room, start);
    }
    const before = room.offset;
    const resumeAt = this.resumeAt(room, start);
    // While the page was read, deliveries may have brought the room past what it says is lost.
    const gap = lost === undefined || isLevel(room.position, resumeAt) ? undefined : lost;
    if (gap !== undefined) this.announce(room, gap, resumeAt);
    const resumedAt = room.offset;
    this.absorb(room, page.head.epoch, publications);
    this.telemetry.mended += room.offset - resumedAt;
    this.drain(room, page.head.epoch);
    const behind = room.epoch === page.head.epoch && room.offset < page.head.offset;
    if (room.ahead === undefined && !behind) return;
    // Still mending: what is delivered meanwhile joins the rest.
    room.ahead ??= [];
    // A read that brought nothing would be made again at once, and again.
    if (gap !== undefined || room.offset > before) this.mend(room);
    else this.mendLater(room);
  }

  /** Where there is no history to go on with, what was delivered is more than nothing. */
  private resumeAt(room: Room, start: Position): Position {
    const deliveries = room.ahead ?? [];
    const offsets = deliveries.flatMap(({ epoch, publication: { offset } }) =>
      epoch === start.epoch && offset !== undefined ? [offset] : [],
    );
    return { epoch: start.epoch, offset: Math.min(start.offset, ...offsets.map((offset) => offset - 1)) };
  }

  /** The room goes on in another epoch, with nothing lost; members have to know what their positions mean now. */
  private changeEpoch(room: Room, to: Position): void {
    room.skipTo(to);
    for (const member of room.live) member.tellGap({ ...to, reason: 'epoch', recovered: true });
    for (const { lag } of room.away) lag?.goOn(to.epoch);
  }

  private announce(room: Room, reason: LossReason, to: Position): void {
    room.skipTo(to);
    for (const member of room.live) member.tellGap({ ...to, reason });
    this.telemetry.drops.add('gap', room.live.length);
  }
}

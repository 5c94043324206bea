import { Injectable, Logger } from '@nestjs/common';

import type { HistoryPage } from '../broker/broker.js';
import type { Position } from '../protocol/position.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { giveRun } from './fan-out.js';
import type { Membership } from './room.js';
import { isSame, readOn } from './read-on.js';
import { ReturnReader } from './return-reader.js';
import { RoomIntake } from './room-intake.js';

/** A member does not read on while so much is on its way to its socket. */
const MAX_BACKLOG_BYTES = 256 * 1024;

/** Pause after a failed read, and after one that brought nothing new. */
const RETRY_MS = 50;

/**
 * Brings members level with their room: from a position of their own, through history, at the speed of their sockets,
 * to live. One way for who comes back, who was slow, and who was slow while coming back.
 */
@Injectable()
export class CatchUp {
  private readonly logger = new Logger(CatchUp.name);

  constructor(
    private readonly reader: ReturnReader,
    private readonly intake: RoomIntake,
    private readonly telemetry: Telemetry,
  ) {}

  /**
   * Starts a member that stands at a position.
   *
   * @param page history already read from there
   */
  start(member: Membership, position: Position, page?: HistoryPage): void {
    if (member.left) return;
    member.position = position;
    member.room.addAway(member);
    if (page === undefined) this.proceed(member);
    else this.continueAfter(member, page);
  }

  private proceed(member: Membership): void {
    const { connection, room } = member;
    if (member.left || connection.closing || member.position === undefined) return;
    const { outbox } = connection;
    if (outbox.backlog > MAX_BACKLOG_BYTES) outbox.flush();
    if (outbox.stuck) {
      outbox.whenRelieved(() => this.proceed(member));
      return;
    }
    const page = this.reader.read(room, member.position);
    if (!(page instanceof Promise)) {
      this.continueAfter(member, page);
      return;
    }
    page.then(
      (read) => this.continueAfter(member, read),
      (error: unknown) => {
        this.logger.debug(`History cannot be read: ${String(error)}`);
        this.later(member, RETRY_MS);
      },
    );
  }

  private continueAfter(member: Membership, page: HistoryPage): void {
    if (member.left || member.connection.closing) return;
    const before = member.position;
    this.give(member, page);
    const { room, position } = member;
    if (position !== undefined && isSame(position, room.position)) {
      room.addLive(member);
      this.telemetry.caughtUp += 1;
    } else {
      // A page that brought nothing would be asked for again at once, and again.
      const moved = before?.epoch !== position?.epoch || before?.offset !== position?.offset;
      this.later(member, moved ? 0 : RETRY_MS);
    }
  }

  /** Hands a page to the member, and to the room what of it has not been delivered yet. */
  private give(member: Membership, page: HistoryPage): void {
    const { room } = member;
    const { start, lost, publications, end } = readOn(page);
    if (lost !== undefined) {
      member.tellGap({ ...start, reason: lost });
      this.telemetry.drops.add('gap');
    } else if (member.position !== undefined && member.position.epoch !== start.epoch) {
      member.tellGap({ ...start, reason: 'epoch', recovered: true });
    }
    giveRun(member, publications);
    this.telemetry.deliveries += publications.length;
    member.position = end;
    // History may be ahead of delivery; the room must not deliver again what its member has.
    this.intake.absorb(room, page.head.epoch, publications);
    // Still ahead of the room, or in another history: the room has to get there before it can take this member along.
    this.intake.check(room, end);
  }

  private later(member: Membership, delayMs: number): void {
    if (delayMs === 0) setImmediate(() => this.proceed(member));
    else setTimeout(() => this.proceed(member), delayMs).unref();
  }
}

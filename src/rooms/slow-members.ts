import { Injectable } from '@nestjs/common';

import type { Publication } from '../broker/publication.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { CLOSE_CODES } from '../protocol/close-codes.js';
import type { Position } from '../protocol/position.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { CatchUp } from './catch-up.js';
import { Lag } from './lag.js';
import type { Membership, Room } from './room.js';

/** Share of the outbox's bound that may wait, besides, for a member of a room without history. */
const LAG_SHARE = 0.25;
const UNBOUNDED = Number.MAX_SAFE_INTEGER;

/** What becomes of members whose outbox is full: they catch up from history, or lag by their room's rule. */
@Injectable()
export class SlowMembers {
  private readonly lagBytes: number;

  constructor(
    options: RookeryOptions,
    private readonly catchUp: CatchUp,
    private readonly telemetry: Telemetry,
  ) {
    this.lagBytes = options.outboxBytes > 0 ? options.outboxBytes * LAG_SHARE : UNBOUNDED;
  }

  /** Takes members from the live ones that could not take a run. */
  detach(room: Room, members: readonly Membership[], run: readonly Publication[]): void {
    const first = run.find(({ offset }) => offset !== undefined)?.offset;
    // They have all before the run, and nothing of it.
    const position = { epoch: room.epoch, offset: first === undefined ? room.offset : first - 1 };
    for (const member of members) {
      room.takeAway(member);
      if (room.keepsHistory) {
        this.countVolatile(run);
        member.position = position;
        member.afterRelease(() => this.catchUp.start(member, position));
      } else {
        this.lag(room, member, position, run);
      }
    }
  }

  /** Sees to the members who were away already when a run went out. */
  pass(room: Room, run: readonly Publication[]): void {
    for (const { lag } of room.away) {
      if (lag === undefined) this.countVolatile(run);
      else for (const publication of run) lag.add(room.epoch, publication);
    }
  }

  private lag(room: Room, member: Membership, position: Position, run: readonly Publication[]): void {
    const { connection } = member;
    const { overflow } = room.behaviour;
    if (overflow === 'disconnect') {
      this.telemetry.drops.add('disconnect', run.length);
      connection.close(CLOSE_CODES.SLOW_CONSUMER, 'slow consumer');
      return;
    }
    const lag = new Lag(overflow, position, this.lagBytes, (reason) => this.telemetry.drops.add(reason));
    member.lag = lag;
    for (const publication of run) lag.add(room.epoch, publication);
    member.afterRelease(() => connection.outbox.whenRelieved(() => this.relieve(room, member, lag)));
  }

  private relieve(room: Room, member: Membership, lag: Lag): void {
    if (member.left || member.connection.closing) return;
    room.flush();
    for (const step of lag.resume(room.position)) {
      if ('publication' in step) member.give(step.publication);
      else {
        const { gap, ...what } = step;
        member.tellGap({ ...gap, ...what });
      }
    }
    room.addLive(member);
  }

  private countVolatile(run: readonly Publication[]): void {
    const volatile = run.reduce((count, { offset }) => (offset === undefined ? count + 1 : count), 0);
    if (volatile > 0) this.telemetry.drops.add('volatile', volatile);
  }
}

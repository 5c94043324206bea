import { Injectable } from '@nestjs/common';

import { RookeryOptions } from '../config/rookery.options.js';
import type { Member, ServerMessages } from '../protocol/messages.js';
import { PresenceLedger } from './presence-ledger.js';
import type { Membership, Room } from './room.js';

type Announcement = 'presence:joined' | 'presence:left' | 'presence:changed';

/** Tells the members of rooms whose rule wants it who comes and goes. */
@Injectable()
export class Presence {
  private readonly ledgers = new Map<Room, PresenceLedger>();
  private readonly timers = new Map<Room, NodeJS.Timeout>();

  constructor(private readonly options: RookeryOptions) {}

  joined({ room, connection }: Membership): void {
    if (!room.behaviour.presence) return;
    let ledger = this.ledgers.get(room);
    if (ledger === undefined) this.ledgers.set(room, (ledger = new PresenceLedger(this.options.presenceGraceMs)));
    ledger.joined(connection.userId, connection.id);
    this.schedule(room);
  }

  left({ room, connection }: Membership): void {
    const ledger = this.ledgers.get(room);
    if (ledger === undefined) return;
    ledger.left(connection.userId, connection.id, performance.now());
    if (room.size > 0) this.schedule(room);
    else this.forget(room);
  }

  private schedule(room: Room): void {
    if (this.timers.has(room)) return;
    this.timers.set(room, setTimeout(() => this.announce(room), this.options.presenceIntervalMs).unref());
  }

  private forget(room: Room): void {
    clearTimeout(this.timers.get(room));
    this.timers.delete(room);
    this.ledgers.delete(room);
  }

  private announce(room: Room): void {
    this.timers.delete(room);
    const ledger = this.ledgers.get(room);
    if (ledger === undefined) return;
    const { joined, left, pending } = ledger.settle(performance.now());
    room.flush();
    // Each member told of each other one is a square; past a bound they are told to look for themselves.
    if (joined.length + left.length > this.options.presenceMaxEvents) {
      tell(room, 'presence:changed', { room: room.name, size: room.size });
    } else {
      for (const member of joined) tell(room, 'presence:joined', { room: room.name, ...member }, member);
      for (const member of left) tell(room, 'presence:left', { room: room.name, ...member }, member);
    }
    if (pending) this.schedule(room);
  }
}

/** Presence is of the moment: who is behind asks for it when it wants it. A user is not told of itself. */
function tell<Type extends Announcement>(room: Room, type: Type, payload: ServerMessages[Type], about?: Member): void {
  const frames: Buffer[] = [];
  for (const { connection, held } of room.live) {
    if (connection.userId === about?.userId || held !== undefined) continue;
    const { wire, outbox } = connection;
    outbox.offer((frames[wire.index] ??= wire.envelope(type, payload)));
  }
}

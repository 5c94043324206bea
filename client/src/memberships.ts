import type { ErrorPayload } from '../../src/protocol/errors.js';
import type { JoinedPayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import { backOff, type Delays } from './back-off.js';
import { serverError, type RookeryError } from './errors.js';
import type { Wire } from './wire.js';

/** A room that wants to be joined, as long as it is among the memberships. */
export interface Member {
  readonly name: string;
  /** Where to go on. */
  readonly recoverFrom: () => Position | 'last' | undefined;
  readonly onJoined: (joined: JoinedPayload) => void;
  /** For good. It is no membership any more. */
  readonly onRefused: (error: RookeryError) => void;
}

type Outcome = JoinedPayload | { readonly error: ErrorPayload };

/** Rooms that one message may join. */
const MAX_ROOMS = 1000;

/** Which rooms are to be joined: all that are asked for in one turn, and all that there are after a reconnect, by one message. */
export class Memberships {
  /** Each with whether the server has been asked over this connection. */
  private readonly members = new Map<Member, boolean>();
  private scheduled = false;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;

  constructor(
    private readonly wire: Wire,
    private readonly delays: Delays,
  ) {}

  add(member: Member): void {
    this.members.set(member, false);
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.ask();
    });
  }

  /** @returns whether the server has to be told */
  delete(member: Member): boolean {
    const asked = this.members.get(member) === true;
    this.members.delete(member);
    return asked;
  }

  up(): void {
    for (const member of this.members.keys()) this.members.set(member, false);
    this.failures = 0;
    this.ask();
  }

  private ask(): void {
    if (!this.wire.isUp) return;
    const unasked = [...this.members].flatMap(([member, asked]) => (asked ? [] : [member]));
    for (let start = 0; start < unasked.length; start += MAX_ROOMS) {
      this.join(unasked.slice(start, start + MAX_ROOMS));
    }
  }

  private join(members: readonly Member[]): void {
    for (const member of members) this.members.set(member, true);
    const rooms = members.map(({ name: room, recoverFrom }) => ({ room, recover: recoverFrom() }));
    const settle = (outcome: unknown): void => {
      // A connection that is lost has its rooms joined by the next one.
      const outcomes = outcome instanceof Error ? [] : (outcome as { rooms: Outcome[] }).rooms;
      for (const [index, member] of members.entries()) {
        const one = outcomes[index];
        if (one !== undefined) this.take(member, 'error' in one ? serverError(one.error) : one);
        else this.take(member, outcome as RookeryError);
      }
    };
    // At once, and not when a promise gets to it: the rooms' messages may follow in the same packet.
    this.wire.send({ type: 'join', payload: JSON.stringify({ rooms }), settle, cost: rooms.length }, true);
  }

  private take(member: Member, outcome: JoinedPayload | RookeryError): void {
    // It may have been left meanwhile.
    if (this.members.get(member) !== true) return;
    if (!(outcome instanceof Error)) {
      this.failures = 0;
      member.onJoined(outcome);
    } else if (outcome.code !== 'OFFLINE') {
      if (outcome.retryable) {
        this.members.set(member, false);
        this.askLater();
      } else {
        this.members.delete(member);
        member.onRefused(outcome);
      }
    }
  }

  private askLater(): void {
    if (this.retry !== undefined) return;
    const ask = (): void => {
      this.retry = undefined;
      this.ask();
    };
    this.retry = setTimeout(ask, backOff(this.failures, this.delays, Math.random()));
    this.failures += 1;
  }
}

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
  recoverFrom(): Position | 'last' | undefined;
  onJoined(joined: JoinedPayload): void;
  /** For good. It is no membership any more. */
  onRefused(error: RookeryError): void;
}

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

  all(): Member[] {
    return [...this.members.keys()];
  }

  private ask(): void {
    if (!this.wire.isUp) return;
    const unasked = [...this.members].flatMap(([member, asked]) => (asked ? [] : [member]));
    for (let start = 0; start < unasked.length; start += MAX_ROOMS) {
      void this.join(unasked.slice(start, start + MAX_ROOMS));
    }
  }

  private async join(members: readonly Member[]): Promise<void> {
    for (const member of members) this.members.set(member, true);
    const rooms = members.map((member) => {
      const recover = member.recoverFrom();
      return recover === undefined ? member.name : { room: member.name, recover };
    });
    try {
      const options = { offline: 'fail', first: true, cost: members.length } as const;
      const { payload } = await this.wire.request('join', JSON.stringify({ rooms }), options);
      const outcomes = (payload as { rooms: readonly (JoinedPayload | { error: ErrorPayload })[] }).rooms;
      for (const [index, member] of members.entries()) this.take(member, outcomes[index]);
    } catch (error) {
      // A connection that is lost has its rooms joined by the next one.
      for (const member of members) this.refused(member, error as RookeryError);
    }
  }

  private take(member: Member, outcome: JoinedPayload | { error: ErrorPayload } | undefined): void {
    // It has been left meanwhile.
    if (outcome === undefined || this.members.get(member) !== true) return;
    if ('error' in outcome) {
      this.refused(member, serverError(outcome.error));
    } else {
      this.failures = 0;
      member.onJoined(outcome);
    }
  }

  private refused(member: Member, error: RookeryError): void {
    if (!this.members.has(member) || error.code === 'OFFLINE') return;
    if (error.retryable) {
      this.members.set(member, false);
      this.askLater();
      return;
    }
    this.members.delete(member);
    member.onRefused(error);
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

import type { ErrorPayload } from '../../src/protocol/errors.js';
import type { JoinedPayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import { backOff, type Delays } from './back-off.js';
import { serverError, type RookeryError } from './errors.js';
import type { Settle } from './limited.js';
import type { Joined } from './messages.js';
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

/** One wish to be in the room, from `join` to `leave`, and who waits for it to come true. */
export interface Stay extends Member {
  readonly waiters: Set<Settle<Joined>>;
  cameTrue: boolean;
  /** False while its position is read from a store. */
  isAsked: boolean;
}

type Outcome = JoinedPayload | { readonly error: ErrorPayload };
interface Outcomes {
  readonly rooms: readonly Outcome[];
}

/** Rooms that one message may join. */
const MAX_ROOMS = 1000;

/** Which rooms are to be joined: all that are asked for in one turn, and all that there are after a reconnect, by one message. */
export function createMemberships(wire: Wire, delays: Delays) {
  /** Each with whether the server has been asked over this connection. */
  const members = new Map<Member, boolean>();
  let retry: ReturnType<typeof setTimeout> | undefined;
  let waitedMs = 0;

  /** @returns whether the server has to be told */
  function remove(member: Member): boolean {
    const asked = members.get(member) === true;
    members.delete(member);
    return asked;
  }

  function up(): void {
    for (const member of members.keys()) members.set(member, false);
    waitedMs = 0;
    ask();
  }

  function ask(): void {
    if (!wire.isUp()) return;
    const unasked = [...members].flatMap(([member, asked]) => (asked ? [] : [member]));
    for (let start = 0; start < unasked.length; start += MAX_ROOMS) {
      join(unasked.slice(start, start + MAX_ROOMS));
    }
  }

  function join(asking: readonly Member[]): void {
    for (const member of asking) members.set(member, true);
    const rooms = asking.map(({ name: room, recoverFrom }) => ({ room, recover: recoverFrom() }));
    const settle = (outcome: unknown): void => {
      for (const [index, member] of asking.entries()) {
        take(member, outcome instanceof Error ? (outcome as RookeryError) : (outcome as Outcomes).rooms[index]);
      }
    };
    // At once, and not when a promise gets to it: the rooms' messages may follow in the same packet.
    wire.send({ type: 'join', payload: JSON.stringify({ rooms }), settle, cost: rooms.length }, true);
  }

  function take(member: Member, outcome: Outcome | RookeryError | undefined): void {
    // It may have been left meanwhile.
    if (members.get(member) !== true || outcome === undefined) return;
    if ('offset' in outcome) {
      waitedMs = 0;
      member.onJoined(outcome);
      return;
    }
    const error = 'error' in outcome ? serverError(outcome.error) : outcome;
    if (error.retryable) {
      // A connection that is lost has its rooms joined by the next one.
      members.set(member, false);
      askLater();
    } else {
      members.delete(member);
      member.onRefused(error);
    }
  }

  function askLater(): void {
    if (retry !== undefined) return;
    const ms = backOff(waitedMs, delays, Math.random());
    waitedMs += ms;
    retry = setTimeout(() => {
      retry = undefined;
      ask();
    }, ms);
  }

  /** The server has put it there already. */
  function adopt(member: Member): void {
    members.set(member, true);
  }

  /** All that are added in one turn are asked for by one message. */
  function add(member: Member): void {
    members.set(member, false);
    queueMicrotask(ask);
  }

  return { add, adopt, remove, up };
}

export type Memberships = ReturnType<typeof createMemberships>;

import type { Position } from '../../src/protocol/position.js';
import { MemberLog } from './member-log.js';

/** One attempt to publish a message. */
export interface Attempt {
  readonly at: number;
  readonly node: string;
}

/** An `ack` that a publisher got. */
export interface Acknowledgement extends Position, Attempt {
  readonly duplicate: boolean;
}

/** A message, with all attempts and acknowledgements of its publisher. */
export interface Sent {
  readonly id: string;
  readonly room: string;
  readonly publisher: string;
  /** Index among the publisher's messages in this room. The one before it was acknowledged first. */
  readonly n: number;
  readonly attempts: Attempt[];
  readonly acknowledgements: Acknowledgement[];
}

/** An event of a run. */
export interface Happening {
  readonly at: number;
  readonly what: string;
}

/** Milliseconds since the start of the run. */
export type Clock = () => number;

/** Records what publishers sent, what members received, and what happened to the servers. */
export class Ledger {
  readonly story: Happening[] = [];
  /** Times at which node processes were killed, by their names. */
  readonly deaths = new Map<string, number>();
  private readonly messages = new Map<string, Sent[]>();
  private readonly logs: MemberLog[] = [];
  private readonly startedAt = performance.now();

  readonly clock: Clock = () => Math.round(performance.now() - this.startedAt);

  /** Records the first attempt to publish a message. */
  send(room: string, publisher: string, n: number): Sent {
    const message = { id: `${publisher}.${room}.${n}`, room, publisher, n, attempts: [], acknowledgements: [] };
    const sent = this.messages.get(room);
    if (sent === undefined) this.messages.set(room, [message]);
    else sent.push(message);
    return message;
  }

  log(member: string, room: string): MemberLog {
    const log = new MemberLog(member, room, this.clock);
    this.logs.push(log);
    return log;
  }

  happened(what: string): void {
    this.story.push({ at: this.clock(), what });
  }

  messagesOf(room: string): readonly Sent[] {
    return this.messages.get(room) ?? [];
  }

  logsOf(room: string): readonly MemberLog[] {
    return this.logs.filter((log) => log.room === room);
  }
}

/** Time of the first attempt. */
export function sentAt({ attempts }: Sent): number {
  return attempts[0]?.at ?? 0;
}

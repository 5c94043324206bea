import { setTimeout as delay } from 'node:timers/promises';

import { PATIENCE_MS, eventually } from '../support/eventually.js';
import { RecoveringMember, RecoveringPublisher } from '../support/recovering-client.js';
import { violationsOf, type Accepted } from './room-check.js';
import type { Entry, RoomLog } from './room-log.js';

/** When a publisher without an answer goes to another node. */
const ANSWER_MS = 2000;

export interface TrafficOptions {
  readonly rooms: readonly string[];
  readonly members: number;
  readonly publishers: number;
  /** Of each publisher: each line waits for its message to be accepted before it publishes the next one. */
  readonly lines: number;
  /** Between the messages of a line, in milliseconds. */
  readonly pauseMs: number;
  /** Picks a node. */
  readonly address: () => string;
  /** A whole number below the bound. */
  readonly pick: (bound: number) => number;
}

/** Publishers that repeat themselves until they are heard, and members of all rooms who write down what they get. */
export class Traffic {
  readonly members: readonly RecoveringMember[];
  private readonly publishers: readonly RecoveringPublisher[];
  private readonly over = new AbortController();
  private publishing: readonly Promise<void>[] = [];

  private constructor(private readonly options: TrafficOptions) {
    const { rooms, members, publishers, address } = options;
    this.members = Array.from({ length: members }, (_, n) => new RecoveringMember(`m${n}`, rooms, address));
    this.publishers = Array.from({ length: publishers }, (_, n) => new RecoveringPublisher(`p${n}`, address));
  }

  /** Nothing is published before everybody is in all rooms: what a member must have begins with the first message. */
  static async start(options: TrafficOptions): Promise<Traffic> {
    const traffic = new Traffic(options);
    for (const member of traffic.members) await eventually(() => member.joined, Boolean);
    traffic.publishing = traffic.publishers.flatMap((publisher) =>
      Array.from({ length: options.lines }, (_, line) => traffic.publish(publisher, String(line))),
    );
    return traffic;
  }

  get accepted(): number {
    return this.options.rooms.reduce((sum, room) => sum + this.acceptedIn(room).length, 0);
  }

  /** Resolves when so many more messages have been accepted. */
  async goesOn(messages: number): Promise<void> {
    const before = this.accepted;
    await eventually(
      () => this.accepted - before,
      (more) => more >= messages,
    );
  }

  /** Lets the last messages be accepted. */
  async end(): Promise<void> {
    this.over.abort();
    await Promise.all(this.publishing);
  }

  /** What is wrong with what was delivered, at most so many of it, when everybody has had the time to get it. */
  async verdict(most = 20): Promise<string[]> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const startedAt = performance.now();
      const violations = this.options.rooms.flatMap((room) => violationsOf(this.logsOf(room), this.acceptedIn(room)));
      if (violations.length === 0 || startedAt > deadline) return violations.slice(0, most);
      // Looking takes its time, in which this process passes nothing on: most of it must be left to the clients.
      await delay(200 + 4 * (performance.now() - startedAt));
    }
  }

  /** What members were told is lost. */
  get losses(): Extract<Entry, { kind: 'loss' }>[] {
    return this.options.rooms.flatMap((room) => this.logsOf(room).flatMap(({ losses }) => losses));
  }

  logsOf(room: string): RoomLog[] {
    return this.members.flatMap(({ logs }) => logs.get(room) ?? []);
  }

  stop(): void {
    for (const client of [...this.members, ...this.publishers]) client.stop();
  }

  private acceptedIn(room: string): Accepted[] {
    return this.publishers.flatMap(({ accepted }) => accepted.get(room) ?? []);
  }

  private async publish(publisher: RecoveringPublisher, line: string): Promise<void> {
    const { rooms, pauseMs, pick } = this.options;
    for (let n = 0; !this.over.signal.aborted && !publisher.stopped; n += 1) {
      await publisher.publish(rooms[pick(rooms.length)] ?? '', line, n, ANSWER_MS);
      await delay(pauseMs);
    }
  }
}

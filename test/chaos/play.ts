import { setTimeout as delay } from 'node:timers/promises';

import { range } from '../support/messages.js';
import { Seeded } from '../support/seeded.js';
import type { TestServer } from '../support/server.js';
import { outboxOf } from '../support/stalled.js';
import { ChaosClient } from './chaos-client.js';
import { Ledger, type Message } from './ledger.js';

const ROOMS = range(1, 50).map((n) => `room-${n}`);
const TALKERS = 20;
/** Members of every room, who get every message. */
export const READERS = 5;
const ROOMS_OF_TALKER = 10;
/** Characters of all texts of a run: more than the sockets on the way take in half of it, on any machine. */
const LEAST_TEXT = 20_000_000;
/** Messages for each large one. */
const LARGE_EVERY = 10;
const LEAST_LARGE = 16 * 1024;
const SMALL = 200;
const PATIENCE_MS = 60_000;

export interface Outcome {
  readonly violations: readonly string[];
  readonly connects: number;
  readonly deliveries: number;
  /** How often a member that did not read had as much waiting for it as may. */
  readonly overflows: number;
  /** Messages announced as lost, over all members. */
  readonly announced: number;
}

/** One run: clients that do everything that they must be able to do without losing a message. */
class Chaos {
  private readonly ledger: Ledger;
  private readonly clients: ChaosClient[] = [];
  private overflows = 0;
  /** The largest text: large ones are of half its length on average. */
  private readonly text: string;

  constructor(
    private readonly server: TestServer,
    private readonly messages: number,
    private readonly seed: number,
  ) {
    this.ledger = new Ledger(messages);
    this.text = 'x'.repeat(Math.max(LEAST_LARGE, (2 * LARGE_EVERY * LEAST_TEXT) / messages));
  }

  async play(): Promise<Outcome> {
    const talkers = range(1, TALKERS).map((n) => this.make(`talker-${n}`, roomsOfTalker(n)));
    const readers = range(1, READERS).map((n) => this.make(`reader-${n}`, ROOMS));
    for (const client of this.clients) {
      await client.connect();
      await client.entered();
    }
    const seeded = (n: number): Seeded => new Seeded(this.seed * 1000 + n);
    await Promise.all([
      ...talkers.map((client, n) => this.talk(client, seeded(n))),
      ...readers.map((client, n) => this.read(client, seeded(TALKERS + n))),
    ]);
    await this.comeToRest();
    this.ledger.check();
    for (const client of this.clients) client.check();
    const { violations, connects, deliveries } = this.ledger;
    const announced = this.clients.reduce((sum, client) => sum + client.announced, 0);
    return { violations, connects, deliveries, overflows: this.overflows, announced };
  }

  /** Publishes, vanishes, stalls, repeats, leaves and comes back. */
  private async talk(client: ChaosClient, random: Seeded): Promise<void> {
    const { rooms } = client;
    const sent: Message[] = [];
    while (!this.ledger.isOver) {
      const dice = random.below(100);
      const any = sent[random.below(Math.max(1, sent.length))];
      if (dice < 75) this.publishSome(client, random, sent);
      else if (dice < 83) await reconnect(client, random);
      else if (dice < 90) await this.stall(client, delay(random.below(50)));
      else if (dice < 95 && any !== undefined) client.repeat(any);
      else await client.leaveAndReturn(rooms[random.below(rooms.length)] ?? '');
      await client.calm();
    }
    await client.calm(0);
  }

  /** Is in every room, and mostly does not read. */
  private async read(client: ChaosClient, random: Seeded): Promise<void> {
    // So much does not fit into the sockets on the way, on any machine.
    await this.stall(client, this.ledger.progress(this.messages / 2));
    while (!this.ledger.isOver) {
      await this.stall(client, this.ledger.progress(random.below(this.messages / 2)));
      if (random.below(3) === 0) await reconnect(client, random);
    }
  }

  private make(userId: string, rooms: readonly string[]): ChaosClient {
    const client = new ChaosClient(userId, rooms, this.server, this.ledger);
    this.clients.push(client);
    return client;
  }

  private publishSome(client: ChaosClient, random: Seeded, sent: Message[]): void {
    for (let left = 1 + random.below(15); left > 0; left -= 1) {
      const room = ROOMS[random.below(ROOMS.length)] ?? '';
      const text = this.text.slice(0, random.below(random.below(LARGE_EVERY) === 0 ? this.text.length : SMALL));
      const message = this.ledger.create(room, client.userId, text);
      if (message === undefined) return;
      sent.push(message);
      client.publish(message);
    }
  }

  private async stall(client: ChaosClient, until: Promise<void>): Promise<void> {
    client.pause();
    await until;
    if (outboxOf(this.server, client.userId).full) this.overflows += 1;
    client.resume();
  }

  /** Everybody reads, until everybody has everything. */
  private async comeToRest(): Promise<void> {
    const level = Promise.all(this.clients.map((client) => client.level()));
    const given = await Promise.race([level, delay(PATIENCE_MS, 'given up' as const, { ref: false })]);
    if (given !== 'given up') return;
    for (const client of this.clients) for (const what of client.behind()) this.ledger.fail(what);
  }
}

function roomsOfTalker(n: number): string[] {
  return ROOMS.filter((_room, index) => (index * 7 + n) % ROOMS.length < ROOMS_OF_TALKER);
}

async function reconnect(client: ChaosClient, random: Seeded): Promise<void> {
  if (random.below(3) === 0) await client.close();
  else client.cut();
  if (random.below(2) === 0) await delay(random.below(30));
  await client.connect();
}

/** Plays so many messages in 50 rooms. */
export function play(server: TestServer, messages: number, seed: number): Promise<Outcome> {
  return new Chaos(server, messages, seed).play();
}

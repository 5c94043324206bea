import type { Position } from '../../src/protocol/position.js';
import { eventually } from '../support/eventually.js';
import type { Seeded } from '../support/seeded.js';
import type { Nodes } from './client.js';
import type { FailoverNode } from './failover-node.js';
import { readHead, readHistory } from './history.js';
import type { Ledger } from './ledger.js';
import { Member } from './member.js';
import { Publisher } from './publisher.js';
import type { RoomRecord } from './verdict.js';

const ROOMS = Array.from({ length: 20 }, (_, n) => `r${n}`);
const MEMBERS = 48;
const ROOMS_OF_MEMBER = 4;
const PUBLISHERS = 12;
/** Interval between two messages of a publisher; all publishers together send 300 a second. */
const EVERY_MS = 40;
const FINISH_MS = 20_000;
const LEVEL_MS = 20_000;

/** The clients of a run. */
export class Crowd {
  private readonly members: readonly Member[];
  private readonly publishers: readonly Publisher[];

  constructor(
    private readonly nodes: readonly FailoverNode[],
    private readonly ledger: Ledger,
    random: Seeded,
  ) {
    const pick = (bound: number): number => random.below(bound);
    const any: Nodes = (last) => {
      const places = nodes.flatMap(({ place }) => place ?? []);
      const others = places.filter(({ name }) => name !== last);
      return others[pick(Math.max(1, others.length))] ?? places[0];
    };
    this.members = Array.from({ length: MEMBERS }, (_, n) => {
      const first = pick(ROOMS.length);
      const rooms = Array.from(
        { length: ROOMS_OF_MEMBER },
        (__, k) => ROOMS[(first + k * (1 + (n % 4))) % ROOMS.length],
      );
      return new Member(
        `m${n}`,
        any,
        rooms.flatMap((room) => room ?? []),
        ledger,
        pick,
      );
    });
    this.publishers = Array.from({ length: PUBLISHERS }, (_, n) => new Publisher(`p${n}`, any, ROOMS, ledger, pick));
  }

  /** Starts all clients, and returns when every member has joined its rooms. */
  async begin(): Promise<void> {
    for (const client of [...this.members, ...this.publishers]) void client.run();
    await eventually(
      () => this.members.flatMap(({ logs }) => [...logs.values()]).filter(({ joinedAt }) => joinedAt === undefined),
      (absent) => absent.length === 0,
    );
    for (const publisher of this.publishers) publisher.begin(EVERY_MS);
  }

  /** Waits until publishers have finished and members have caught up. Returns how many have not in time. */
  async end(): Promise<{ readonly unfinished: number; readonly behind: number }> {
    for (const publisher of this.publishers) publisher.finish();
    const unfinished = await patiently(
      () => this.publishers.reduce((sum, each) => sum + each.unfinished, 0),
      FINISH_MS,
    );
    for (const member of this.members) member.settle();
    const behind = await patiently(() => this.behind(), LEVEL_MS);
    if (behind > 0) this.ledger.happened(`${behind} memberships are behind their room`);
    return { unfinished, behind };
  }

  async records(): Promise<RoomRecord[]> {
    const records: RoomRecord[] = [];
    for (const room of ROOMS) {
      const { offsets: history } = await readHistory(this.address, room);
      records.push({
        room,
        messages: this.ledger.messagesOf(room),
        logs: this.ledger.logsOf(room),
        history,
        deaths: this.ledger.deaths,
      });
    }
    return records;
  }

  stop(): void {
    for (const client of [...this.members, ...this.publishers]) client.stop();
  }

  private get address(): string {
    return this.nodes[0]?.place?.address ?? '';
  }

  /** Returns how many memberships have not caught up with their room. */
  private async behind(): Promise<number> {
    const heads = new Map<string, Position>();
    for (const room of ROOMS) heads.set(room, await readHead(this.address, room));
    return this.members
      .flatMap((member) => [...member.logs.values()].map((log) => ({ log, member })))
      .filter(({ log: { room, position }, member }) => {
        const head = heads.get(room);
        return !member.isInside || position?.epoch !== head?.epoch || position?.offset !== head?.offset;
      }).length;
  }
}

/** Waits until nothing is left. Returns what is left after the time limit. */
async function patiently(left: () => number | Promise<number>, patienceMs: number): Promise<number> {
  let last = 0;
  await eventually(
    async () => (last = await left()),
    (count) => count === 0,
    patienceMs,
  ).catch(() => undefined);
  return last;
}

import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';

import { Cluster } from '../cluster/cluster.js';
import { RookeryOptions } from '../config/rookery.options.js';
import type { Connection } from '../connections/connection.js';
import type { Member, ServerMessages } from '../protocol/messages.js';
import { Telemetry } from '../telemetry/telemetry.js';
import type { PresenceChange } from './presence-ledger.js';
import { PresenceRoom, type PresenceNews } from './presence-room.js';
import type { Membership, Room } from './room.js';

type Announcement = 'presence:joined' | 'presence:left' | 'presence:changed';

const NEWS = 'presence:news';
const STATE = 'presence:state';
const RESUMED = 'presence:resumed';

/** Nodes come back one soon after the other: what each of them asks for is asked once. */
const EXCHANGE_DELAY_MS = 300;

/**
 * Tells the members of rooms whose rule wants it who comes and goes, on whichever node. Nodes tell each other of
 * theirs; who opens a room asks the others who is there, and after word may have been lost everybody says it again.
 */
@Injectable()
export class Presence implements OnModuleInit {
  private readonly rooms = new Map<string, PresenceRoom>();
  private exchangeTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly options: RookeryOptions,
    @Inject(Cluster) private readonly cluster: Cluster,
    private readonly telemetry: Telemetry,
  ) {}

  onModuleInit(): void {
    this.cluster.on(NEWS, (payload, node) => {
      const { room, ...news } = payload as PresenceNews & { room: string };
      this.change(room, (found) => found.takeNewsOf(node, news, performance.now()));
    });
    this.cluster.on(STATE, (payload, node) => {
      const { room, members } = payload as { room: string; members?: readonly Member[] };
      if (members !== undefined) {
        this.change(room, (found) => found.takeStateOf(node, members, false, performance.now()));
      }
      return this.membersHere(room);
    });
    this.cluster.onNodeGone((node) => {
      for (const name of this.rooms.keys()) this.change(name, (found) => found.lose(node, performance.now()));
    });
    this.cluster.onResumed(() => {
      // What was said of rooms that this node has no members in any more is lost, too.
      this.cluster.tell(RESUMED, null);
      this.exchangeAllSoon();
    });
    this.cluster.on(RESUMED, () => this.exchangeAllSoon());
  }

  joined({ room, connection }: Membership): void {
    if (!room.behaviour.presence) return;
    let found = this.rooms.get(room.name);
    if (found === undefined) {
      this.rooms.set(room.name, (found = new PresenceRoom(room, this.options.presenceGraceMs)));
      found.wait();
      void this.open(found);
    }
    found.joined({ clientId: connection.id, userId: connection.userId });
    this.schedule(found);
  }

  left({ room, connection }: Membership): void {
    const found = this.rooms.get(room.name);
    if (found === undefined) return;
    found.left({ clientId: connection.id, userId: connection.userId }, performance.now());
    if (room.size > 0) this.schedule(found);
    else this.forget(found);
  }

  /** A member was told who is there: what it is told from now on begins with that. */
  looked(name: string, clientId: string, members: readonly Member[]): void {
    const found = this.rooms.get(name);
    if (found?.looked(clientId, new Set(members.map(({ userId }) => userId))) === true) this.schedule(found);
  }

  private async open(found: PresenceRoom): Promise<void> {
    await this.exchange(found.room.name, true);
    found.hear();
    if (this.rooms.get(found.room.name) === found) this.schedule(found);
  }

  /** Tells the others who is here, and hears who is there. */
  private async exchange(name: string, silently: boolean): Promise<void> {
    const { answers, partial } = await this.cluster.ask(STATE, { room: name, members: this.membersHere(name) });
    for (const { node, answer } of answers) {
      this.change(name, (found) => found.takeStateOf(node, answer as Member[], silently, performance.now()));
    }
    // Until it answers, or turns out to have gone.
    if (partial) this.exchangeAllSoon();
  }

  private exchangeAllSoon(): void {
    this.exchangeTimer ??= setTimeout(() => {
      this.exchangeTimer = undefined;
      for (const name of this.rooms.keys()) void this.exchange(name, false);
    }, EXCHANGE_DELAY_MS).unref();
  }

  private membersHere(name: string): Member[] {
    const members = this.rooms.get(name)?.room.members() ?? [];
    return Array.from(members, ({ connection }) => ({ clientId: connection.id, userId: connection.userId }));
  }

  private change(name: string, act: (found: PresenceRoom) => void): void {
    const found = this.rooms.get(name);
    if (found === undefined) return;
    act(found);
    this.schedule(found);
  }

  private schedule(found: PresenceRoom): void {
    found.timer ??= setTimeout(() => this.announce(found), this.options.presenceIntervalMs).unref();
  }

  private forget(found: PresenceRoom): void {
    clearTimeout(found.timer);
    this.rooms.delete(found.room.name);
    this.tellOthers(found);
  }

  private tellOthers(found: PresenceRoom): void {
    const news = found.takeNews();
    if (news !== undefined) this.cluster.tell(NEWS, { room: found.room.name, ...news });
  }

  private announce(found: PresenceRoom): void {
    const { room } = found;
    found.timer = undefined;
    this.tellOthers(found);
    const { joined, left, pending } = found.settle(performance.now());
    room.flush();
    // Each member told of each other one is a square; past a bound they are told to look for themselves.
    if (joined.length + left.length > this.options.presenceMaxEvents) {
      this.tell(room, 'presence:changed', { room: room.name, size: found.size });
    } else {
      for (const change of joined) this.tell(room, 'presence:joined', { room: room.name, ...change.member }, change);
      for (const change of left) this.tell(room, 'presence:left', { room: room.name, ...change.member }, change);
    }
    if (pending) this.schedule(found);
  }

  /** Presence is of the moment: who is behind asks for it when it wants it. A user is not told of itself. */
  private tell<Type extends Announcement>(
    room: Room,
    type: Type,
    payload: ServerMessages[Type],
    about?: PresenceChange,
  ): void {
    const frames: Buffer[] = [];
    let behind = 0;
    for (const { connection, held, isLive } of room.members()) {
      if (about !== undefined && !concerns(about, connection)) continue;
      const { wire, outbox } = connection;
      const mayTake = isLive && held === undefined;
      if (!mayTake || !outbox.offer((frames[wire.index] ??= wire.envelope(type, payload)))) behind += 1;
    }
    if (behind > 0) this.telemetry.drops.add('presence', behind);
  }
}

function concerns({ member, only, except }: PresenceChange, { id, userId }: Connection): boolean {
  return userId !== member.userId && only?.has(id) !== false && except?.has(id) !== true;
}

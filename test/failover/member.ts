import type { ErrorPayload } from '../../src/protocol/errors.js';
import type { GapPayload, JoinedPayload, RoomMessagePayload } from '../../src/protocol/messages.js';
import { Client, type Nodes } from './client.js';
import type { Ledger } from './ledger.js';
import type { MemberLog } from './member-log.js';
import { GIVE_UP_MS, type Frame, type Session } from './session.js';

const RETRY_MS = 100;
const STAY_MS = 6000;
const AWAY_MS = 3000;

type Joined = JoinedPayload | { readonly room?: string; readonly error: ErrorPayload };

/** A member that connects and disconnects at random, and recovers each room from its own position. */
export class Member extends Client {
  readonly logs: ReadonlyMap<string, MemberLog>;
  /** Rooms that this connection is in. */
  private readonly inside = new Set<string>();
  /** Rooms that this connection asked for, with the time. */
  private readonly asked = new Map<string, number>();
  private restless = true;
  private leaving: NodeJS.Timeout | undefined;

  constructor(
    userId: string,
    nodes: Nodes,
    rooms: readonly string[],
    private readonly ledger: Ledger,
    private readonly pick: (bound: number) => number,
  ) {
    super(userId, nodes);
    this.logs = new Map(rooms.map((room) => [room, ledger.log(userId, room)]));
  }

  get isInside(): boolean {
    return this.inside.size === this.logs.size;
  }

  /** Stays connected from now on. */
  settle(): void {
    this.restless = false;
    clearTimeout(this.leaving);
  }

  override stop(): void {
    this.settle();
    super.stop();
  }

  isOverdue(now: number): boolean {
    return [...this.asked.values()].some((at) => now - at > GIVE_UP_MS);
  }

  onFrame({ type, payload, requestId }: Frame): void {
    const { session } = this;
    if (session === undefined) return;
    const node = session.place.name;
    switch (type) {
      case 'connected':
        this.arrive(session);
        break;
      case 'room:joined':
        this.joined(session, payload as JoinedPayload);
        break;
      case 'rooms:joined':
        for (const entry of (payload as { readonly rooms: readonly Joined[] }).rooms) this.joined(session, entry);
        break;
      case 'room:gap':
        this.logs.get((payload as GapPayload).room)?.gap(payload as GapPayload, node);
        break;
      case 'room:message':
        this.logs.get((payload as RoomMessagePayload).room)?.message(payload as RoomMessagePayload, node);
        break;
      case 'error':
        for (const room of requestId === 'all' ? this.asked.keys() : [requestId ?? ''])
          this.joined(session, { room, error: payload as ErrorPayload });
        break;
      default:
    }
  }

  protected onLeft(session: Session, why: string): number {
    clearTimeout(this.leaving);
    this.inside.clear();
    this.asked.clear();
    for (const log of this.logs.values()) log.gone(session.place.name, why);
    return why === 'cut' ? this.pick(AWAY_MS) : 0;
  }

  private arrive(session: Session): void {
    const now = performance.now();
    for (const room of this.logs.keys()) this.asked.set(room, now);
    if (this.pick(2) === 0) session.send('join', { rooms: [...this.logs.keys()].map((room) => this.way(room)) }, 'all');
    else for (const room of this.logs.keys()) session.send('join', this.way(room), room);
    if (this.restless) this.leaving = setTimeout(() => session.leave('cut'), 500 + this.pick(STAY_MS));
  }

  private joined(session: Session, reply: Joined): void {
    const log = this.logs.get(reply.room ?? '');
    if (log === undefined) return;
    if (!('error' in reply)) {
      this.asked.delete(log.room);
      // The reply to a second join confirms the membership. It has no position to recover from.
      if (!this.inside.has(log.room)) log.joined(reply, session.place.name);
      this.inside.add(log.room);
      return;
    }
    if (reply.error.code !== 'UNAVAILABLE') this.ledger.happened(`${this.userId} got ${JSON.stringify(reply)}`);
    this.asked.delete(log.room);
    setTimeout(() => {
      if (this.session !== session) return;
      this.asked.set(log.room, performance.now());
      session.send('join', this.way(log.room), log.room);
    }, RETRY_MS);
  }

  private way(room: string): { room: string; recover?: { epoch: string; offset: number } } {
    const recover = this.logs.get(room)?.position;
    return recover === undefined ? { room } : { room, recover };
  }
}

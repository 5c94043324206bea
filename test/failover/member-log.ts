import type { GapPayload, JoinedPayload, RoomMessagePayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';

interface Told {
  readonly at: number;
  readonly node: string;
}

export type Delivery = Told & Position & { readonly kind: 'delivery'; readonly id: string };

/** A `room:gap` without `recovered`, or a join that was answered by `recovered: false`. */
export type Announcement = Told & {
  readonly kind: 'announcement';
  readonly by: 'room:gap' | 'join';
  readonly reason: string;
  readonly from: Position | undefined;
  readonly to: Position;
};

export type Entry =
  | Delivery
  | Announcement
  | (Told & { readonly kind: 'joined' | 'moved'; readonly from: Position | undefined; readonly to: Position })
  | (Told & { readonly kind: 'gone'; readonly why: string });

/** Everything that a member received about a room, over all its connections. */
export class MemberLog {
  readonly entries: Entry[] = [];
  /** Position to recover from, by section 6.2 of the protocol. */
  position: Position | undefined;
  /** Time of the first join. */
  joinedAt: number | undefined;

  constructor(
    readonly member: string,
    readonly room: string,
    private readonly clock: () => number,
  ) {}

  joined({ epoch, offset, recovered, reason }: JoinedPayload, node: string): void {
    const [from, to] = [this.position, { epoch, offset }];
    const told = { at: this.clock(), node, from, to };
    this.joinedAt ??= told.at;
    this.position = to;
    if (recovered === false) this.announce(told, 'join', reason);
    else this.entries.push({ ...told, kind: 'joined' });
  }

  gap({ epoch, offset, recovered, reason }: GapPayload, node: string): void {
    const [from, to] = [this.position, { epoch, offset }];
    const told = { at: this.clock(), node, from, to };
    this.position = to;
    if (recovered === true) this.entries.push({ ...told, kind: 'moved' });
    else this.announce(told, 'room:gap', reason);
  }

  message({ offset = Number.NaN, id }: RoomMessagePayload, node: string): void {
    const epoch = this.position?.epoch ?? '';
    this.position = { epoch, offset };
    this.entries.push({ kind: 'delivery', at: this.clock(), node, id, epoch, offset });
  }

  gone(node: string, why: string): void {
    this.entries.push({ kind: 'gone', at: this.clock(), node, why });
  }

  get deliveries(): Delivery[] {
    return this.entries.filter((entry) => entry.kind === 'delivery');
  }

  /** Ids in the order of their first delivery. */
  get ids(): string[] {
    return [...new Set(this.deliveries.map(({ id }) => id))];
  }

  get announcements(): Announcement[] {
    return this.entries.filter((entry) => entry.kind === 'announcement');
  }

  /** Copies the log without the deliveries of some messages. */
  without(ids: ReadonlySet<string>): MemberLog {
    const copy = new MemberLog(this.member, this.room, this.clock);
    copy.joinedAt = this.joinedAt;
    copy.position = this.position;
    copy.entries.push(...this.entries.filter((entry) => entry.kind !== 'delivery' || !ids.has(entry.id)));
    return copy;
  }

  private announce(
    told: Omit<Announcement, 'kind' | 'by' | 'reason'>,
    by: Announcement['by'],
    reason: string = 'no reason',
  ): void {
    this.entries.push({ ...told, kind: 'announcement', by, reason });
  }
}

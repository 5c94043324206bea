import type { ConnectedPayload, GapPayload, RoomMessagePayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import type { Core } from './core.js';
import { Feed } from './feed.js';
import type { DirectMessage, Gap } from './messages.js';
import { subjectOf } from './text.js';

/** Everybody's room. */
const EVERYBODY = '@all';
const roomOf = (userId: string): string => `@user:${userId}`;

/** Who is told. */
interface Listener {
  emit(name: 'broadcast' | 'user:message', message: DirectMessage): boolean;
  emit(name: 'gap', gap: Gap): boolean;
}

/** The two rooms that the server puts every connection in: everybody's, and the user's own. */
export class ServerRooms {
  readonly everybody: Feed;
  private own: Feed | undefined;

  /** @param userId the user's name as far as the application knows it */
  constructor(
    private readonly core: Core,
    private readonly listener: Listener,
    private readonly userId: string | undefined,
  ) {
    this.everybody = this.feed(EVERYBODY, 'broadcast');
  }

  /** Where to connect to, with where the two rooms stand: they are joined before the client can say a word. */
  async address(url: string | URL, token: string | undefined): Promise<string> {
    const address = new URL(url);
    const query = address.searchParams;
    if (this.userId !== undefined) query.set('user_id', this.userId);
    const userId = this.userId ?? subjectOf(token);
    const own = userId === undefined ? this.own?.room : roomOf(userId);
    const stands = async (feed: Feed | undefined, room: string): Promise<Position | undefined> =>
      (feed?.room === room ? feed.reached : undefined) ?? this.core.keeper.get(room);
    const all = await stands(this.everybody, EVERYBODY);
    const user = own === undefined ? undefined : await stands(this.own, own);
    if (all !== undefined) query.set('recover_all', `${all.epoch}:${all.offset}`);
    if (user !== undefined) query.set('recover_user', `${user.epoch}:${user.offset}`);
    return address.href;
  }

  up({ rooms, userId }: ConnectedPayload): void {
    const room = roomOf(userId);
    // Another token may be another user's.
    if (this.own?.room !== room) this.own = this.feed(room, 'user:message');
    for (const { room: name, recovered, reason, ...position } of rooms) {
      this.find(name)?.joined(position, recovered === false ? (reason ?? 'epoch') : undefined);
    }
  }

  down(): void {
    this.everybody.disconnected();
    this.own?.disconnected();
  }

  receive(type: 'broadcast' | 'user:message', payload: Omit<RoomMessagePayload, 'room'>): void {
    (type === 'broadcast' ? this.everybody : this.own)?.received(payload);
  }

  gap(gap: GapPayload): void {
    this.find(gap.room)?.gap(gap);
  }

  /** The feed that a message to this user belongs to, where it is the client's own. */
  ofUser(userId: string): Feed | undefined {
    return this.find(roomOf(userId));
  }

  private find(room: string): Feed | undefined {
    return room === EVERYBODY ? this.everybody : this.own?.room === room ? this.own : undefined;
  }

  private feed(room: string, event: 'broadcast' | 'user:message'): Feed {
    return new Feed(room, this.core, {
      onMessage: (message) => void this.listener.emit(event, message),
      onGap: (gap) => void this.listener.emit('gap', gap),
    });
  }
}

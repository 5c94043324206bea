import type { ConnectedPayload, GapPayload, RoomMessagePayload } from '../../src/protocol/messages.js';
import type { Core } from './core.js';
import { createFeed, type Feed } from './feed.js';
import type { DirectMessage, Gap } from './messages.js';

/** Everybody's room. */
const EVERYBODY = '@all';
const roomOf = (userId: string): string => `@user:${userId}`;

/** Who is told. */
interface Listener {
  emit(name: 'broadcast' | 'user:message', message: DirectMessage): boolean;
  emit(name: 'gap', gap: Gap): boolean;
}

/** The two rooms that the server puts every connection in: everybody's, and the user's own. */
export function createServerRooms(core: Core, listener: Listener, knownAs: string | undefined) {
  const everybody = feed(EVERYBODY, 'broadcast');
  let own: Feed | undefined;

  /** Where to connect to, with where the two rooms stand: they are joined before the client can say a word. */
  async function address(url: string | URL): Promise<string> {
    const complete = new URL(url);
    const query = complete.searchParams;
    if (knownAs !== undefined) query.set('user_id', knownAs);
    const recover = async (name: string, room: string): Promise<void> => {
      const position = find(room)?.reached() ?? (await core.keeper.get(room));
      if (position !== undefined) query.set(name, `${position.epoch}:${position.offset}`);
    };
    await recover('recover_all', EVERYBODY);
    const room = knownAs === undefined ? own?.room : roomOf(knownAs);
    if (room !== undefined) await recover('recover_user', room);
    return complete.href;
  }

  function up({ rooms, userId }: ConnectedPayload): void {
    const room = roomOf(userId);
    // Another token may be another user's.
    if (own?.room !== room) own = feed(room, 'user:message');
    for (const joined of rooms) find(joined.room)?.joined(joined);
  }

  function down(): void {
    everybody.disconnected();
    own?.disconnected();
  }

  function receive(type: 'broadcast' | 'user:message', payload: Omit<RoomMessagePayload, 'room'>): void {
    (type === 'broadcast' ? everybody : own)?.received(payload);
  }

  function lose(gap: GapPayload): void {
    find(gap.room)?.gap(gap);
  }

  /** The feed that a message to this user belongs to, where it is the client's own. */
  function ofUser(userId: string): Feed | undefined {
    return find(roomOf(userId));
  }

  function find(room: string): Feed | undefined {
    return room === EVERYBODY ? everybody : own?.room === room ? own : undefined;
  }

  function feed(room: string, event: 'broadcast' | 'user:message'): Feed {
    return createFeed(room, core, {
      onMessage: (message) => void listener.emit(event, message),
      onGap: (gap) => void listener.emit('gap', gap),
      onError: core.report,
    });
  }

  return { address, up, down, receive, lose, ofUser, everybody };
}

export type ServerRooms = ReturnType<typeof createServerRooms>;

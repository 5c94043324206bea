import { MAX_EPOCH_LENGTH, type Position } from '../protocol/position.js';
import { EVERYBODY, isPrintable, userRoom } from '../protocol/room-name.js';

const PARAMETERS = ['recover_all', 'recover_user'] as const;
const NONE: ReadonlyMap<string, Position> = new Map();
/** What an epoch is made of is the broker's business: the last colon divides. */
const POSITION = /^(.+):(\d{1,15})$/;

/**
 * Where a client stood in everybody's room and its own, from the upgrade's query: `recover_all` and `recover_user`, each
 * `<epoch>:<offset>`. The server joins these rooms before the client can say a word, so that this is the one moment
 * at which they can be taken up where they were left. A value that cannot be read counts as none.
 */
export function positionsOf(query: URLSearchParams, userId: string): ReadonlyMap<string, Position> {
  if (!PARAMETERS.some((name) => query.has(name))) return NONE;
  const positions = new Map<string, Position>();
  for (const name of PARAMETERS) {
    const room = name === 'recover_all' ? EVERYBODY : userRoom(userId);
    const [, epoch, offset] = POSITION.exec(query.get(name) ?? '') ?? [];
    if (offset !== undefined && isPrintable(epoch, MAX_EPOCH_LENGTH))
      positions.set(room, { epoch, offset: Number(offset) });
  }
  return positions;
}

import { randomBytes } from 'node:crypto';

const epoch = randomBytes(6).toString('base64url');
let offset = 0;

/**
 * What a member gets: the fields Rookery sends, with values of the same length, so that all servers move the same
 * number of bytes. Here they are made up; nothing is kept, ordered or checked.
 *
 * @param {string} room
 * @param {unknown} data
 * @param {string} from
 */
export function relayed(room, data, from) {
  offset += 1;
  return { room, data, from, id: `${epoch}-${offset}`, offset, timestamp: Date.now() };
}

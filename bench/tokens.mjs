import { createHmac } from 'node:crypto';

/** Known to every server under test, and to nobody who matters. */
export const SECRET = 'a secret for measurements, and for nothing else';

const header = encode({ alg: 'HS256', typ: 'JWT' });
const expiry = Math.floor(Date.now() / 1000) + 24 * 3600;

/** @param {object} part */
function encode(part) {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

/**
 * A token for each of so many users, so that no server can get by with having verified one of them.
 *
 * @param {number} count
 * @param {string} prefix What the user names begin with.
 */
export function makeTokens(count, prefix) {
  return Array.from({ length: count }, (_, index) => {
    const claims = encode({ sub: `${prefix}-${index}`, rooms: ['*'], exp: expiry });
    const signature = createHmac('sha256', SECRET).update(`${header}.${claims}`).digest('base64url');
    return `${header}.${claims}.${signature}`;
  });
}

import { createHmac, sign, type KeyObject } from 'node:crypto';

import type { Claims } from './server.js';

/** Turns `header.payload` into a signature. */
export type Signer = (input: string) => Buffer;

export const unsigned: Signer = () => Buffer.alloc(0);

export const hs256 =
  (secret: string | KeyObject): Signer =>
  (input) =>
    createHmac('sha256', secret).update(input).digest();

export const rs256 =
  (key: KeyObject): Signer =>
  (input) =>
    sign('sha256', Buffer.from(input), key);

export const es256 =
  (key: KeyObject): Signer =>
  (input) =>
    sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });

export const edDsa =
  (key: KeyObject): Signer =>
  (input) =>
    sign(null, Buffer.from(input), key);

/** Claims of a token that is good for an hour. */
export function goodClaims(claims: Claims = {}): Claims {
  return { sub: 'alice', exp: Math.floor(Date.now() / 1000) + 3600, ...claims };
}

/** A token with any header and any signature: no library stands between the test and what it wants to say. */
export function compact(header: object, claims: object, signer: Signer): string {
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${input}.${signer(input).toString('base64url')}`;
}

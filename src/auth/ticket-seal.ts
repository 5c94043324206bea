import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';

/** Tells tickets from tokens: no JSON Web Token starts so. */
export const TICKET_PREFIX = 'rkt_';

const CIPHER = 'aes-256-gcm';
const SECRET_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export function isTicket(token: string): boolean {
  return token.startsWith(TICKET_PREFIX);
}

export function createTicket(): string {
  return TICKET_PREFIX + randomBytes(SECRET_BYTES).toString('base64url');
}

/** What a ticket is kept under: it tells nothing of the ticket. */
export function nameOfTicket(ticket: string): string {
  return derive(ticket, 'name').toString('base64url');
}

/** Makes a token unreadable for everybody who does not have the ticket. */
export function sealToken(ticket: string, token: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, derive(ticket, 'key'), nonce);
  const sealed = Buffer.concat([cipher.update(token, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** @throws Error for what was not sealed by this ticket */
export function unsealToken(ticket: string, text: string): string {
  const bytes = Buffer.from(text, 'base64url');
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, derive(ticket, 'key'), nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  return decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
}

/** A ticket is random enough to be a key; what is made of it for one purpose is of no use for another. */
function derive(ticket: string, purpose: 'name' | 'key'): Buffer {
  return createHmac('sha256', ticket).update(`rookery ticket ${purpose}`).digest();
}

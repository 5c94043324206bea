import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/** A name that an operator recognises, and that no other process has or will have. */
export function createNodeId(): string {
  return `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
}

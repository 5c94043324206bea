import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { RookeryOptions } from '../config/rookery.options.js';

const FOLDER = '.rookery';
const FILE = 'development-secret';

function make(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * A secret for development, where none is set: random, and kept in a file that only its owner can read, so that a
 * restart keeps the tokens good and `npm run token` can make more of them. In tests it lives as long as the process.
 */
export function developmentSecret({ nodeEnv }: RookeryOptions): string {
  if (nodeEnv !== 'development') return make();
  const path = join(process.cwd(), FOLDER, FILE);
  try {
    const kept = readFileSync(path, 'utf8').trim();
    if (kept.length >= 32) return kept;
  } catch {
    // Not there yet.
  }
  const secret = make();
  try {
    mkdirSync(join(process.cwd(), FOLDER), { recursive: true, mode: 0o700 });
    writeFileSync(path, `${secret}\n`, { mode: 0o600 });
  } catch {
    // A folder that cannot be written to: the secret lives as long as the process.
  }
  return secret;
}

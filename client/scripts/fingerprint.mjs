import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The digest of files and of whole folders, by their names and contents.
 *
 * @param {string} root what the names are relative to
 * @param {string[]} names
 */
export function fingerprint(root, names) {
  const hash = createHash('sha256');
  const add = (name) => {
    const path = join(root, name);
    if (statSync(path).isDirectory()) {
      for (const entry of readdirSync(path).toSorted()) add(join(name, entry));
    } else {
      hash.update(`${name}\0`).update(createHash('sha256').update(readFileSync(path)).digest());
    }
  };
  for (const name of names) add(name);
  return hash.digest('hex');
}

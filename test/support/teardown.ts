import { afterEach } from '@jest/globals';

type Cleanup = () => unknown;

// Kept on the global object: with ES modules this file and the tests that import it are two instances of it.
const store = globalThis as typeof globalThis & { rookeryCleanups?: Cleanup[] };
const cleanups = (store.rookeryCleanups ??= []);

/** Has something undone at the end of the test, whatever its outcome; the last one made goes first. */
export function cleanUp(cleanup: Cleanup): void {
  cleanups.push(cleanup);
}

afterEach(async () => {
  const pending = cleanups.splice(0).toReversed();
  for (const cleanup of pending) await cleanup();
});

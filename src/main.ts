import cluster from 'node:cluster';
import { createRequire } from 'node:module';
import process from 'node:process';

import { MIN_DESCRIPTORS, descriptorLimit, tooFewDescriptors } from './connections/descriptor-limit.js';
import type * as Server from './serve.js';

/** Node opens the files of an import side by side, several hundred of them; those of `require` one after another. */
const DESCRIPTORS_OF_IMPORT = 2048;
const SERVER = './serve.js';

/** What the system says when there are none left. */
const OUT_OF_DESCRIPTORS = new Set(['EMFILE', 'ENFILE']);

const limit = descriptorLimit() ?? Infinity;

function load(): Promise<typeof Server> | typeof Server {
  if (limit >= DESCRIPTORS_OF_IMPORT) return import('./serve.js');
  return createRequire(import.meta.url)(SERVER) as typeof Server;
}

function refuse(problem: string): void {
  process.stderr.write(`${tooFewDescriptors(problem)}\n`);
  process.exitCode = 1;
  cluster.worker?.disconnect();
}

if (limit < MIN_DESCRIPTORS) {
  refuse(`this process may open ${limit}, and the server needs at least ${MIN_DESCRIPTORS}`);
} else {
  try {
    const { serve } = await load();
    await serve();
  } catch (error) {
    if (!OUT_OF_DESCRIPTORS.has(String((error as NodeJS.ErrnoException).code))) throw error;
    refuse(`this process may open ${limit}, and they ran out at the start`);
  }
}

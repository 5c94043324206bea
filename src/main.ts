import cluster from 'node:cluster';
import process from 'node:process';

import { printAddresses } from './addresses.js';
import { createApplication } from './bootstrap.js';
import { RookeryOptions } from './config/rookery.options.js';
import { StartError } from './config/start-error.js';
import { readSettings } from './settings.js';
import { isSpokesman, numberOfWorkers, superviseWorkers } from './workers.js';

async function serve(): Promise<void> {
  const app = await createApplication();
  const { port, host = '127.0.0.1' } = app.get(RookeryOptions);
  await app.listen(port, host);
  if (isSpokesman()) printAddresses(app);
}

try {
  // Read before there is an application: they decide whether this process becomes one.
  const options = cluster.isPrimary ? readSettings() : undefined;
  const workers = options === undefined ? 1 : numberOfWorkers(options);
  if (options !== undefined && workers > 1) superviseWorkers(workers, options);
  else await serve();
} catch (error) {
  if (error instanceof StartError) process.stderr.write(`${error.message}\n`);
  else process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}

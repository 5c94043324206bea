import cluster from 'node:cluster';
import process from 'node:process';

import { printAddresses } from './addresses.js';
import { createApplication } from './bootstrap.js';
import { numberOfWorkers } from './config/node.options.js';
import { SettingsError } from './config/resolve-options.js';
import { RookeryOptions } from './config/rookery.options.js';
import { StartError } from './config/start-error.js';
import { readSettings } from './settings.js';
import { isSpokesman, superviseWorkers } from './workers.js';

/** What to do about an address that cannot be listened on, by the system's code for it. */
const LISTEN_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'PORT: another program listens there. End it, or set another port.',
  EACCES: 'PORT: this user may not listen there. Set a port from 1024 on.',
  EADDRNOTAVAIL: 'HOST: this machine does not have that address. Set one that it has.',
  ENOTFOUND: 'HOST: that name has no address. Set an address of this machine.',
};

async function startListening(): Promise<void> {
  const app = await createApplication();
  const { port, host = '127.0.0.1' } = app.get(RookeryOptions);
  try {
    await app.listen(port, host);
  } catch (error) {
    // Its connection to Redis would keep the process alive, with nothing to serve.
    await app.close();
    const problem = LISTEN_PROBLEMS[String((error as NodeJS.ErrnoException).code)];
    throw problem === undefined ? error : new SettingsError([problem]);
  }
  if (isSpokesman()) printAddresses(app);
}

/** Serves from this process, or from several that this one supervises; says on the console why it cannot. */
export async function serve(): Promise<void> {
  try {
    // Read before there is an application: they decide whether this process becomes one.
    const options = cluster.isPrimary ? readSettings() : undefined;
    const workers = options === undefined ? 1 : numberOfWorkers(options);
    if (options !== undefined && workers > 1) superviseWorkers(workers, options);
    else await startListening();
  } catch (error) {
    if (error instanceof StartError) process.stderr.write(`${error.message}\n`);
    else process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
    // A worker would live on for word from its supervisor.
    cluster.worker?.disconnect();
  }
}

import { SettingsError } from './config/resolve-options.js';
import { EnvironmentError } from './config/environment.js';
import { createApplication } from './bootstrap.js';
import { RookeryOptions } from './config/rookery.options.js';
import { printAddresses } from './addresses.js';

try {
  const app = await createApplication();
  const { port, host = '127.0.0.1' } = app.get(RookeryOptions);
  await app.listen(port, host);
  printAddresses(app);
} catch (error) {
  if (error instanceof SettingsError || error instanceof EnvironmentError) process.stderr.write(`${error.message}\n`);
  else process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}

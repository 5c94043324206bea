import { existsSync } from 'node:fs';
import process from 'node:process';

import { optionsFromEnvironment } from './config/environment.js';
import { resolveOptions } from './config/resolve-options.js';
import type { RookeryOptions } from './config/rookery.options.js';

/**
 * Reads the settings of the stand-alone server from the environment and from `.env`, without an application.
 *
 * @throws SettingsError, EnvironmentError
 */
export function readSettings(): RookeryOptions {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return resolveOptions(optionsFromEnvironment(process.env));
}

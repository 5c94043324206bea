import type { GrantEntry } from './access.options.js';
import { RookeryOptions, type RookeryOptionsInput } from './rookery.options.js';
import { StartError } from './start-error.js';

type Environment = Readonly<Record<string, string | undefined>>;
type OptionName = keyof RookeryOptions;

/** Set by the program, not by the environment. */
const NOT_FROM_ENVIRONMENT: readonly string[] = ['rooms'] satisfies OptionName[];

/** Options without a default, so that nothing tells their type but this. */
const FLAGS: readonly string[] = ['docs', 'exampleChat', 'metricsPublic'] satisfies OptionName[];

/** The name of an option in the environment: `maxMessageBytes` is `MAX_MESSAGE_BYTES`. */
export function environmentName(option: string): string {
  return option.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** Every option that the environment can set, in the order in which they are declared. */
export function environmentOptions(): OptionName[] {
  return [...OPTION_NAMES];
}

/** A setting that cannot be read, with its name in the environment. */
export class EnvironmentError extends StartError {
  override readonly name = 'EnvironmentError';
}

function parseNumber(name: string, raw: string): number {
  const value = Number(raw.replaceAll('_', ''));
  if (raw.trim() === '' || !Number.isFinite(value)) throw new EnvironmentError(`${name} must be a number`);
  return value;
}

function parseFlag(name: string, raw: string): boolean {
  const value = raw.trim().toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(value)) return true;
  if (['false', '0', 'no', 'off', ''].includes(value)) return false;
  throw new EnvironmentError(`${name} must be true or false`);
}

function parseList(raw: string): string[] {
  return raw
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function parseGrants(name: string, raw: string): GrantEntry[] {
  if (!raw.trim().startsWith('[')) return parseList(raw);
  try {
    return JSON.parse(raw) as GrantEntry[];
  } catch {
    throw new EnvironmentError(`${name} must be a JSON list, or patterns separated by commas`);
  }
}

function parse(option: string, name: string, raw: string, standard: unknown): unknown {
  if (option === 'defaultGrants') return parseGrants(name, raw);
  if (typeof standard === 'number') return parseNumber(name, raw);
  if (typeof standard === 'boolean' || FLAGS.includes(option)) return parseFlag(name, raw);
  if (Array.isArray(standard)) return parseList(raw);
  // A PEM key in one line has its line ends written out.
  return option === 'jwtPublicKey' ? raw.replaceAll('\\n', '\n') : raw;
}

const STANDARD = new RookeryOptions();
// Options without a default are declared fields too, so that `Object.keys` finds them (ES2022 class fields).
const OPTION_NAMES = (Object.keys(STANDARD) as OptionName[]).filter((name) => !NOT_FROM_ENVIRONMENT.includes(name));

/**
 * Reads options from the environment. An empty variable counts as not set.
 *
 * @example
 * RookeryModule.forRoot(optionsFromEnvironment(process.env))
 * @throws EnvironmentError naming the variable
 */
export function optionsFromEnvironment(environment: Environment): RookeryOptionsInput {
  const options: Record<string, unknown> = {};
  for (const option of OPTION_NAMES) {
    const name = environmentName(option);
    const raw = environment[name];
    if (raw !== undefined && raw !== '') options[option] = parse(option, name, raw, STANDARD[option]);
  }
  return options;
}

import { validateSync } from 'class-validator';
import { readFileSync } from 'node:fs';

import { readMemory } from './available-memory.js';
import { environmentName } from './environment.js';
import { problemsOfRoomRules } from './parse-room-rules.js';
import { fitDefaults } from './memory-shares.js';
import { databaseOf } from './redis-database.js';
import { RookeryOptions, type RookeryOptionsInput } from './rookery.options.js';
import type { RoomRule } from './room-rule.js';
import { StartError } from './start-error.js';

/** Settings that cannot be used, one line each. */
export class SettingsError extends StartError {
  override readonly name = 'SettingsError';

  constructor(readonly problems: readonly string[]) {
    super(`Rookery cannot start:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

const both = (a: string, b: string): string => `${environmentName(a)} and ${environmentName(b)}`;

function contradictions(options: RookeryOptions): string[] {
  const problems: string[] = [];
  const keys = (['jwtSecret', 'jwtPublicKey', 'jwksUrl'] as const).filter((key) => options[key] !== undefined);
  if (keys.length > 1) problems.push(`${keys.map(environmentName).join(' and ')} exclude each other: set one`);
  if (keys.length === 0 && options.auth === 'jwt' && options.nodeEnv === 'production') {
    problems.push(
      'JWT_SECRET is missing (or JWT_PUBLIC_KEY, or JWKS_URL): with NODE_ENV=production tokens need a key of yours',
    );
  }
  if (options.heartbeatIntervalMs > 0 && options.heartbeatTimeoutMs <= options.heartbeatIntervalMs) {
    problems.push(`${both('heartbeatTimeoutMs', 'heartbeatIntervalMs')}: the timeout must be the longer one`);
  }
  if (options.stallTimeoutMs < options.heartbeatTimeoutMs) {
    problems.push(`${both('stallTimeoutMs', 'heartbeatTimeoutMs')}: the stall timeout must not be the shorter one`);
  }
  if (options.compression && options.maxMessageBytes === 0) {
    problems.push(`${both('compression', 'maxMessageBytes')}: what is unpacked needs a bound`);
  }
  return [...problems, ...contradictionsOfNodes(options)];
}

function contradictionsOfNodes(options: RookeryOptions): string[] {
  const { redisUrl, redisSentinels, redisSentinelName, workers } = options;
  const problems = [...problemsOfDatabase(options), ...problemsOfTls(options)];
  if (redisSentinels.length > 0 !== (redisSentinelName !== undefined)) {
    problems.push(`${both('redisSentinels', 'redisSentinelName')}: set both or none`);
  }
  if (redisUrl === undefined && redisSentinels.length > 0) {
    problems.push(`${both('redisSentinels', 'redisUrl')}: without the latter no Redis is used`);
  }
  if (redisUrl === undefined && workers !== '1') {
    problems.push(`${both('workers', 'redisUrl')}: several processes are one server only over Redis`);
  }
  return problems;
}

function problemsOfDatabase({ redisUrl, redisCluster }: RookeryOptions): string[] {
  const database = redisUrl === undefined ? 0 : databaseOf(redisUrl);
  if (database === undefined) return ['REDIS_URL: the database must be a number from 0, as in redis://host:6379/1'];
  if (!redisCluster || database === 0) return [];
  return [`${both('redisCluster', 'redisUrl')}: a Redis Cluster has no database but 0; use REDIS_PREFIX in its place`];
}

function problemsOfTls({ redisUrl = '', redisCaFile, redisCertFile, redisKeyFile }: RookeryOptions): string[] {
  const files = Object.entries({ redisCaFile, redisCertFile, redisKeyFile }).filter(([, file]) => file !== undefined);
  const problems: string[] = [];
  if ((redisCertFile === undefined) !== (redisKeyFile === undefined)) {
    problems.push(`${both('redisCertFile', 'redisKeyFile')}: set both or none`);
  }
  for (const [name, file = ''] of files) {
    if (!redisUrl.startsWith('rediss:')) {
      problems.push(`${both(name, 'redisUrl')}: the address must begin with rediss:// for TLS`);
    }
    try {
      readFileSync(file);
    } catch (error) {
      problems.push(
        `${environmentName(name)} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  return problems;
}

/** Puts defaults in place of what is invalid, so that the rest can be judged by itself. */
function withoutInvalid(options: RookeryOptions, invalid: readonly { readonly property: string }[]): RookeryOptions {
  const defaults = new RookeryOptions() as unknown as Readonly<Record<string, unknown>>;
  const replaced = invalid.map(({ property }) => [property, defaults[property]]);
  return Object.assign(new RookeryOptions(), options, Object.fromEntries(replaced));
}

/** Checks the rules of rooms, and takes them from their file where there is one. */
function problemsOfRooms(options: RookeryOptions, given: unknown): string[] {
  if (options.roomsFile === undefined) return problemsOfRoomRules(options.rooms).map((problem) => `rooms: ${problem}`);
  if (given !== undefined) return ['ROOMS_FILE and the option rooms exclude each other: set one'];
  try {
    const rules: unknown = JSON.parse(readFileSync(options.roomsFile, 'utf8'));
    const problems = problemsOfRoomRules(rules);
    if (problems.length === 0) options.rooms = rules as RoomRule[];
    return problems.map((problem) => `ROOMS_FILE: ${problem}`);
  } catch (error) {
    return [`ROOMS_FILE cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/**
 * Puts the defaults under what was given and checks the whole.
 *
 * @param memory limits of this process; defaults that do not fit are lowered
 * @throws SettingsError with every problem, each naming its setting
 */
export function resolveOptions(input: RookeryOptionsInput, memory = readMemory()): RookeryOptions {
  const given = Object.entries(input).filter(([, value]) => value !== undefined);
  const options = Object.assign(new RookeryOptions(), Object.fromEntries(given));
  const invalid = validateSync(options, { whitelist: true, forbidNonWhitelisted: true });
  const problems = [
    ...invalid.map(
      ({ property, constraints }) => `${environmentName(property)}: ${Object.values(constraints ?? {}).join('; ')}`,
    ),
    ...contradictions(withoutInvalid(options, invalid)),
    ...problemsOfRooms(options, input.rooms),
  ];
  if (problems.length > 0) throw new SettingsError(problems);

  fitDefaults(options, new Set(given.map(([name]) => name)), memory);
  const production = options.nodeEnv === 'production';
  options.host ??= production ? '0.0.0.0' : '127.0.0.1';
  options.docs ??= !production;
  options.exampleChat ??= !production;
  options.metricsPublic ??= !production;
  options.defaultGrants ??= production ? [] : ['*', { pattern: '@user:*', can: ['publish'] }];
  return options;
}

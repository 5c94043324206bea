import type { RookeryOptions } from '../../config/rookery.options.js';
import { databaseOf } from '../../config/redis-database.js';
import { channelMark } from './room-keys.js';

/** Something that the user must be allowed to do. */
interface Right {
  /** As in `ACL SETUSER`. */
  readonly rule: string;
  /** The pattern of keys or channels that it needs, as in `ACL SETUSER`. */
  readonly on: string;
  /** The command with arguments as they may be, separated by blanks. */
  readonly call: string;
}

const ON_ROOMS = [
  'DEL #',
  'EXISTS #',
  'GET #',
  'GETDEL #',
  'HDEL # f',
  'HGET # f',
  'HGETALL #',
  'HMGET # f',
  'HSET # f v',
  'PERSIST #',
  'PEXPIRE # 1',
  'SET # v',
  'XADD # * p v',
  'XRANGE # - +',
  'XTRIM # MAXLEN 1',
];
const ON_NODES = ['SET # v', 'GET #', 'PEXPIREAT # 1', 'ZADD # 1 m', 'ZRANGEBYSCORE # 0 1', 'ZREMRANGEBYSCORE # 0 1'];
const ON_CHANNELS = ['SSUBSCRIBE #', 'SPUBLISH # m'];
const WITHOUT_KEYS = ['EVAL s 0', 'EVALSHA s 0', 'EXEC', 'INFO', 'MULTI', 'PING', 'SUNSUBSCRIBE', 'TIME'];

/** The rights that a node's user needs in Redis. `docs/operations.md` has them as one line of an ACL. */
export class Rights {
  private readonly all: readonly Right[];
  /** Commands to be checked, in the form that the probe takes. */
  readonly calls: readonly string[];

  constructor(options: RookeryOptions) {
    const { redisPrefix: prefix, redisUrl = '' } = options;
    const mark = channelMark(options);
    const select = (databaseOf(redisUrl) ?? 0) === 0 ? [] : ['SELECT 1'];
    this.all = [
      ...rightsTo(ON_ROOMS, `~${prefix}{*`, `${prefix}{probe}:m`),
      ...rightsTo(ON_NODES, `~${prefix}:*`, `${prefix}:probe`),
      ...rightsTo(ON_CHANNELS, `&${prefix}{*`, `${prefix}{probe}:c${mark}`),
      ...rightsTo(ON_CHANNELS, `&${prefix}:*`, `${prefix}:{nodes}:all${mark}`),
      ...rightsTo([...WITHOUT_KEYS, ...select], '', ''),
    ];
    this.calls = this.all.map(({ call }) => call);
  }

  /**
   * Says which rules of an ACL are missing.
   *
   * @param missing places in `calls`, from 1
   */
  missingRules(missing: readonly number[]): string {
    const lacks = (right: Right): boolean => missing.includes(this.all.indexOf(right) + 1);
    const groups = [...new Set(this.all.map(({ on }) => on))].map((on) => this.all.filter((right) => right.on === on));
    const isWhole = (group: readonly Right[]): boolean => group[0]?.on !== '' && group.every(lacks);
    const commands = groups.filter((group) => !isWhole(group)).flatMap((group) => group.filter(lacks));
    const rules = new Set(commands.map(({ rule }) => rule));
    // Where no command is allowed on a pattern, the pattern is missing, unless all those commands are.
    const patterns = groups.filter((group) => isWhole(group) && !group.every(({ rule }) => rules.has(rule)));
    return [...rules, ...patterns.map(([right]) => right?.on)].join(' ');
  }
}

function rightsTo(calls: readonly string[], on: string, name: string): Right[] {
  return calls.map((call) => {
    const [command = ''] = call.split(' ');
    return { rule: `+${command.toLowerCase()}`, on, call: call.replace('#', name) };
  });
}

/** Says in short what a message of Redis about a missing right says; undefined if it is about something else. */
export function missingRight(message: string): string | undefined {
  if (/user executing the script/.test(message)) return 'the user lacks a right that a script needs';
  if (!message.startsWith('NOPERM')) return undefined;
  const [, command] = /the '([^']+)' command/.exec(message) ?? [];
  if (command !== undefined) return `the user lacks the right +${command.toLowerCase()}`;
  return `the user lacks the right to ${message.includes('channel') ? 'a channel' : 'a key'}`;
}

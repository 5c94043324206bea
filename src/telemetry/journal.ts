import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';

import { CLOSE_CODES } from '../protocol/close-codes.js';
import type { ErrorCode, ErrorNote, ErrorPayload } from '../protocol/errors.js';
import { LogLine } from './log-line.js';
import type { RefusalLabel } from './refusal-label.js';
import { Telemetry, errorLabel, type CloseLabel } from './telemetry.js';
import { TokenBucket } from './token-bucket.js';

/** Limit on the lines of one event and code. */
const LINES = { burst: 20, perSecond: 1 };
/** Time between two reports of lines that were left out. */
const REPORT_MS = 10_000;
/** Limit on the pairs of event and code with an allowance of their own. Both come from closed sets, so it is not met. */
const MAX_ALLOWANCES = 500;

/** The field `event` of a line, and the words that its text begins with. */
const EVENTS = {
  'upgrade.refused': 'Upgrade refused',
  'call.refused': 'REST call refused',
  'request.refused': 'Request refused',
  'connection.closed': 'Connection closed by the server',
  'member.removed': 'Member removed by the server',
  'operator.acted': 'Operator',
} as const;

export type JournalEvent = keyof typeof EVENTS;

/** Levels as Nest's loggers name them; `log` is `info` in the server's own log. */
export type JournalLevel = 'error' | 'warn' | 'log' | 'debug';

/** The subject of a line. Values may come from clients: they are escaped and cut. */
export interface About {
  /** User id, where it is proven. */
  readonly user?: string | undefined;
  readonly address?: string | undefined;
  /** Id of the connection, the `clientId` on the wire. */
  readonly connection?: string | undefined;
  readonly room?: string | undefined;
  /** The request: `join`, `publish`, … or the type of a message. */
  readonly action?: string | undefined;
  readonly method?: string | undefined;
  /** Path without query: a query is where tokens are. */
  readonly path?: string | undefined;
  readonly status?: number | undefined;
}

/** One line of the journal. */
export interface Entry extends About {
  readonly event: Exclude<JournalEvent, 'operator.acted'>;
  /** From a closed set. A code that an application chose counts as `APPLICATION` for the rate of lines. */
  readonly code: string | number;
  /** In words. Never holds any of a token. */
  readonly reason: string;
  /** @default 'log' */
  readonly level?: JournalLevel;
  /** Label of the code, where there are many codes. @default the code */
  readonly kind?: string | number;
}

/** One act of an operator. */
export interface Act extends About {
  /** User id of the token that the operator showed. */
  readonly by: string;
  /** The connection, user or token that it was done to. */
  readonly target: string;
  readonly result?: string;
}

interface Allowance {
  readonly event: JournalEvent;
  readonly code: string | number;
  readonly level: JournalLevel;
  readonly bucket: TokenBucket;
  leftOut: number;
}

/** Refusals that say something of the server, and not of the client. */
const LEVELS: Readonly<Partial<Record<string, JournalLevel>>> = {
  FULL: 'warn',
  UNAVAILABLE: 'warn',
  DRAINING: 'debug',
};

/** Codes for requests that a client may not make, or makes too often. The others are mistakes in messages: `debug`. */
const DENIALS: ReadonlySet<string> = new Set<ErrorCode>([
  'FORBIDDEN',
  'UNAUTHORIZED',
  'TOKEN_INVALID',
  'ROOM_LIMIT',
  'RATE_LIMITED',
]);

/** Levels of closes that differ from the usual one. The drain has a line that counts its goodbyes. */
const CLOSE_LEVELS: Readonly<Partial<Record<number, JournalLevel>>> = {
  [CLOSE_CODES.GOING_AWAY]: 'debug',
  [CLOSE_CODES.INTERNAL_ERROR]: 'warn',
};

/**
 * Writes one log line for each refusal, close, removal and act of an operator, with a code, a reason in words and whom
 * it is about. Lines are limited for each event and code, so that nobody can flood the log; those that are left out are
 * counted, and reported every ten seconds. Nothing here is called for a message that is accepted.
 */
@Injectable()
export class Journal implements OnApplicationShutdown {
  private readonly logger = new Logger(Journal.name);
  private readonly allowances = new Map<string, Allowance>();
  private report: NodeJS.Timeout | undefined;

  constructor(private readonly telemetry: Telemetry) {}

  /**
   * Counts a refused upgrade, and logs it.
   *
   * @param label the code of the refusal, or the fault of the token
   * @param reason in words, for the log
   * @example
   * journal.refusedUpgrade('NOT_FOUND', 'No WebSocket endpoint here', { address, path });
   */
  refusedUpgrade(label: RefusalLabel, reason: string, about: About & { readonly level?: JournalLevel }): void {
    this.telemetry.refusals.add(label);
    this.write({ level: LEVELS[label] ?? 'log', ...about, event: 'upgrade.refused', code: label, reason });
  }

  /** Logs a request or REST call that is answered with an error. Faults of the server have a line of their own. */
  refused(event: 'request.refused' | 'call.refused', error: ErrorPayload, note: ErrorNote, about: About): void {
    const label = errorLabel(error.code);
    if (label === 'INTERNAL') return;
    const { code = error.code, reason = reasonOf(error), ...named } = note;
    const level = LEVELS[label] ?? (DENIALS.has(label) ? 'log' : 'debug');
    const kind = label === 'APPLICATION' ? label : code;
    this.write({ ...about, ...named, event, code, kind, reason, level });
  }

  /** Logs that the server closes a connection, with or without a goodbye. */
  closed(code: number, label: CloseLabel, reason: string, about: About): void {
    const level = CLOSE_LEVELS[code] ?? 'log';
    this.write({ ...about, event: 'connection.closed', code, kind: label, reason: reason || 'no reason given', level });
  }

  /** Logs an act of an operator. These lines are not limited: each needed a token with the scope `admin`. */
  acted(action: string, { by, target, result, ...about }: Act): void {
    const fields = { event: 'operator.acted', action, by, target, result, ...about };
    this.logger.log(new LogLine(`${EVENTS['operator.acted']} ${by}: ${action} ${target}`, fields));
  }

  /** Writes a line, unless there were too many of its event and code. */
  write({ event, code, reason, level = 'log', kind = code, ...about }: Entry): void {
    const allowance = this.allowanceOf(event, kind, level);
    if (allowance.bucket.take(performance.now()) > 0) {
      this.leaveOut(allowance);
      return;
    }
    this.logger[level](new LogLine(`${EVENTS[event]}: ${reason}`, { event, code, reason, ...about }));
  }

  onApplicationShutdown(): void {
    this.reportLeftOut();
  }

  private allowanceOf(event: JournalEvent, code: string | number, level: JournalLevel): Allowance {
    const key = `${event} ${code} ${level}`;
    const known = this.allowances.get(key);
    if (known !== undefined) return known;
    if (this.allowances.size >= MAX_ALLOWANCES && code !== 'OTHER') return this.allowanceOf(event, 'OTHER', level);
    const allowance = { event, code, level, bucket: new TokenBucket(LINES, performance.now()), leftOut: 0 };
    this.allowances.set(key, allowance);
    return allowance;
  }

  private leaveOut(allowance: Allowance): void {
    allowance.leftOut += 1;
    this.report ??= setTimeout(() => this.reportLeftOut(), REPORT_MS).unref();
  }

  private reportLeftOut(): void {
    clearTimeout(this.report);
    this.report = undefined;
    for (const allowance of this.allowances.values()) {
      const { event, code, level, leftOut } = allowance;
      if (leftOut === 0) continue;
      allowance.leftOut = 0;
      const text = `${leftOut} more lines were left out: ${EVENTS[event]}, ${code}`;
      this.logger[level](new LogLine(text, { event: 'journal.left_out', of: event, code, count: leftOut }));
    }
  }
}

/** The text, and which rule of which field is broken where the error says so. */
function reasonOf({ message, details }: ErrorPayload): string {
  const { field, rule } = details ?? {};
  return typeof field === 'string' && typeof rule === 'string' ? `${message}: ${field} ${rule}` : message;
}

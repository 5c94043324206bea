import { Injectable } from '@nestjs/common';

import { CLOSE_CODES } from '../protocol/close-codes.js';
import { ERRORS, type ErrorCode } from '../protocol/errors.js';
import type { RecoveryFailure } from '../protocol/position.js';
import { Distribution } from './distribution.js';
import { REFUSAL_LABELS, type RefusalLabel } from './refusal-label.js';
import { Tally } from './tally.js';

/** Why something that was meant for a client did not get there. */
export const DROP_REASONS = [
  /** The oldest message gave way: rule `drop-oldest` of a room without history. */
  'drop-oldest',
  /** A newer message took its place: rule `keep-latest`. */
  'keep-latest',
  /** A volatile message met a member who was catching up. */
  'volatile',
  /** A presence change met a member who was behind: it asks for `presence` when it wants it. */
  'presence',
  /** The connection was closed for being slow: rule `disconnect`. */
  'disconnect',
  /** History no longer had it when the member got there; announced by `room:gap`. */
  'gap',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Limit that a node has reached, so that it dropped something before its time. */
export const MEMORY_LIMITS = [
  /** Messages: memory was short. */
  'memory',
  /** Messages: `HISTORY_MAX_BYTES`. */
  'history-max-bytes',
  /** Numberings: `MAX_IDLE_ROOMS`. */
  'max-idle-rooms',
  /** Ids: `DEDUPLICATION_MAX_IDS`. */
  'deduplication-max-ids',
  /** Acknowledged positions: `MAX_RECEIPTS`. */
  'max-receipts',
] as const;
export type MemoryLimit = (typeof MEMORY_LIMITS)[number];

/** A close code. Clients choose codes too, thousands of them: those that nobody else uses share the label of their range. */
export type CloseLabel = number | '3xxx' | '4xxx';

const FIRST_OF_RFC = 1000;
const CODES_OF_RFC = 16;
export const CLOSE_LABELS: readonly CloseLabel[] = [
  ...new Set<CloseLabel>([
    ...Array.from({ length: CODES_OF_RFC }, (_none, index) => FIRST_OF_RFC + index),
    ...Object.values(CLOSE_CODES),
    '3xxx',
    '4xxx',
  ]),
];

/** Reasons for ending a connection without a close frame: clients see 1006. */
export const CUT_REASONS = [
  /** Nothing came from it for as long as `HEARTBEAT_TIMEOUT_MS`. */
  'silent',
  /** It read nothing for as long as `STALL_TIMEOUT_MS`. */
  'stalled',
  /** A message of it did not end. */
  'unfinished',
  /** It was still open when the drain was over. */
  'drain',
  /** The application did it. */
  'application',
] as const;
export type CutReason = (typeof CUT_REASONS)[number];

/** Outcomes of a recovery: nothing was lost, or the reason that the client is told. */
export const RECOVERY_OUTCOMES = ['complete', 'epoch', 'trimmed', 'expired', 'forbidden'] as const satisfies readonly (
  | 'complete'
  | RecoveryFailure
)[];
export type RecoveryOutcome = (typeof RECOVERY_OUTCOMES)[number];

/** Ways in. */
export const SOURCES = ['websocket', 'rest', 'service'] as const;
export type Source = (typeof SOURCES)[number];

/** Label of an error: its code, or `APPLICATION` for the codes that an application chose. */
export type ErrorLabel = ErrorCode | 'APPLICATION';
const ERROR_LABELS: readonly ErrorLabel[] = [...(Object.keys(ERRORS) as ErrorCode[]), 'APPLICATION'];

/** Returns the label of an error's code. */
export function errorLabel(code: string): ErrorLabel {
  return Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'APPLICATION';
}

const LATENCY_BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/**
 * What every floor counts into and `/metrics` reads: plain numbers, so that counting costs nothing worth measuring on
 * the way of a message, and no floor has to know the metrics library.
 */
@Injectable()
export class Telemetry {
  /** Frames that clients sent. */
  messagesIn = 0;
  bytesIn = 0;
  /** Messages handed to connections, one for each connection that gets it. */
  deliveries = 0;
  bytesOut = 0;
  /** Writes to sockets; deliveries per write tell how well batching works. */
  writes = 0;
  /** Messages compressed, each once for all who negotiated it. */
  compressions = 0;
  connectionsOpened = 0;
  /** Connections that came when only the reserve of file descriptors was left. */
  descriptorShortages = 0;
  /** Connections that found the way from their outbox being full back to live. */
  caughtUp = 0;
  /** Publications that the broker lost on the way to this node and that history made good. */
  mended = 0;
  /** Bytes of history in the memory of this node. */
  historyBytes = 0;

  readonly published = new Tally<Source>(SOURCES);
  /** Errors sent to clients over WebSocket. */
  readonly errors = new Tally<ErrorLabel>(ERROR_LABELS);
  /** Errors that REST calls were answered with. */
  readonly callErrors = new Tally<ErrorLabel>(ERROR_LABELS);
  readonly closes = new Tally<CloseLabel>(CLOSE_LABELS);
  readonly cuts = new Tally<CutReason>(CUT_REASONS);
  readonly refusals = new Tally<RefusalLabel>(REFUSAL_LABELS);
  readonly drops = new Tally<DropReason>(DROP_REASONS);
  /** Recoveries by the room's rule; see {@link recoveriesOf}. */
  readonly recoveries = new Map<string, Tally<RecoveryOutcome>>();
  /** Messages, numberings, ids and acknowledged positions that a node dropped before their time. */
  readonly forgotten = new Tally<MemoryLimit>(MEMORY_LIMITS);

  /**
   * Seconds from a publish to its acceptance by the broker. Where that is at once, to the end of the event-loop turn,
   * when the acknowledgement leaves: one look at the clock for all publishes of a turn.
   */
  readonly publishSeconds = new Distribution(LATENCY_BOUNDS);
  /** Seconds from the write of a turn's commands to Redis' last answer to them. */
  readonly redisSeconds = new Distribution(LATENCY_BOUNDS);
  /** Seconds that the fan-out of one loop turn took. */
  readonly fanOutSeconds = new Distribution([0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1]);

  /** Returns the recoveries of rooms of a rule. Rules come from the settings: there are as many tallies. */
  recoveriesOf(rule: string): Tally<RecoveryOutcome> {
    let tally = this.recoveries.get(rule);
    if (tally === undefined) this.recoveries.set(rule, (tally = new Tally(RECOVERY_OUTCOMES)));
    return tally;
  }
}

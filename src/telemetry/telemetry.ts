import { Injectable } from '@nestjs/common';

import type { ErrorCode } from '../protocol/errors.js';
import { Distribution } from './distribution.js';
import { Tally } from './tally.js';

/** Why something that was meant for a client did not get there. */
export type DropReason =
  /** The oldest message gave way: rule `drop-oldest` of a room without history. */
  | 'drop-oldest'
  /** A newer message took its place: rule `keep-latest`. */
  | 'keep-latest'
  /** A volatile message met a member who was catching up. */
  | 'volatile'
  /** A presence change met a member who was behind: it asks for `presence` when it wants it. */
  | 'presence'
  /** The connection was closed for being slow: rule `disconnect`. */
  | 'disconnect'
  /** History no longer had it when the member got there; announced by `room:gap`. */
  | 'gap';

/** A close code. Clients choose codes too, thousands of them: those that nobody else uses share the label of their range. */
export type CloseLabel = number | '3xxx' | '4xxx';

/** Ways in. */
export type Source = 'websocket' | 'rest' | 'service';

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
  /** Connections that found the way from their outbox being full back to live. */
  caughtUp = 0;
  /** Publications that the broker lost on the way to this node and that history made good. */
  mended = 0;

  readonly published = new Tally<Source>();
  readonly errors = new Tally<ErrorCode | 'APPLICATION'>();
  readonly closes = new Tally<CloseLabel>();
  readonly refusals = new Tally<number>();
  readonly drops = new Tally<DropReason>();

  /** Seconds that the fan-out of one loop turn took. */
  readonly fanOutSeconds = new Distribution([0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1]);
}

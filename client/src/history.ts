import type { Position, LossReason } from '../../src/protocol/position.js';
import type { RoomMessage } from './messages.js';

export interface HistoryOptions {
  readonly after?: Position | undefined;
  readonly limit?: number | undefined;
  readonly pageSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a room keeps, page by page. */
export interface History<Data> extends AsyncIterable<RoomMessage<Data>> {
  /** Set when messages after the position asked for are lost; known when the first page is. */
  readonly reason: LossReason | undefined;
}

import type { HistoryReply } from '../../src/protocol/messages.js';
import type { LossReason, Position } from '../../src/protocol/position.js';
import type { Invalid, RoomMessage } from './messages.js';
import { validated, type StandardSchemaV1 } from './standard-schema.js';

/** What to read of a room's history. */
export interface HistoryOptions {
  /**
   * Where to begin, exclusive.
   *
   * @default the oldest message that the server keeps
   */
  readonly after?: Position | undefined;
  /**
   * How many messages at most.
   *
   * @default all that the server keeps
   */
  readonly limit?: number | undefined;
  /**
   * How many to ask for at a time, 1 to 1,000.
   *
   * @default 100
   */
  readonly pageSize?: number | undefined;
  /** Ends the loop with `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

/** Reads one page. */
export type ReadPage = (after: Position | undefined, limit: number) => Promise<HistoryReply>;

/**
 * What a room keeps, oldest first, read page by page as the loop goes on.
 *
 * @example
 * for await (const message of room.history({ limit: 500 })) show(message);
 */
export class History<Data = unknown> implements AsyncIterable<RoomMessage<Data>> {
  /** Why messages after the position asked for are missing; known once the first message has come. */
  reason: LossReason | undefined;

  /** @internal */
  constructor(
    private readonly read: ReadPage,
    private readonly schema: StandardSchemaV1 | undefined,
    private readonly onInvalid: (invalid: Invalid) => void,
    private readonly options: HistoryOptions,
  ) {}

  /** @throws RookeryError `FORBIDDEN` without the grant `history`, `TIMEOUT`, `ABORTED`, `CLOSED` */
  async *[Symbol.asyncIterator](): AsyncGenerator<RoomMessage<Data>, undefined> {
    let { after, limit: left = Infinity } = this.options;
    const { pageSize = 100 } = this.options;
    while (left > 0) {
      const page = await this.read(after, Math.min(pageSize, left));
      this.reason ??= page.reason;
      const { epoch } = page;
      for (const one of page.messages) {
        const message = { ...one, epoch };
        const { issues, value } = await validated(this.schema, message.data);
        if (issues === undefined) yield { ...message, data: value as Data };
        else this.onInvalid({ message, issues });
        after = { epoch, offset: message.offset ?? page.offset };
      }
      left = page.more && page.messages.length > 0 ? left - page.messages.length : 0;
    }
  }
}

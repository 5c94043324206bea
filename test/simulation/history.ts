import type { PublishResult } from '../../src/broker/publication.js';
import type { Position } from '../../src/protocol/position.js';

interface Published {
  readonly data: unknown;
  readonly origin: string | undefined;
}

/** The model: everything that the broker accepted, under the position that it gave. */
export class History {
  /** What members saw that the model does not allow. */
  readonly violations: string[] = [];
  /** Set when rooms with a history keep all of it for the whole schedule: nothing may be announced as lost then. */
  keepsAll = false;
  private readonly messages = new Map<string, Published>();
  private readonly heads = new Map<string, Position>();

  add(room: string, { epoch, offset }: PublishResult, published: Published): void {
    if (epoch === undefined || offset === undefined) return;
    this.messages.set(`${room} ${epoch} ${offset}`, published);
    const head = this.heads.get(room);
    if (head?.epoch !== epoch || head.offset < offset) this.heads.set(room, { epoch, offset });
  }

  /** True when the broker has everything that was ever published in the room. */
  isComplete(room: string): boolean {
    return this.keepsAll && room.startsWith('kept:');
  }

  head(room: string): Position | undefined {
    return this.heads.get(room);
  }

  has(room: string, epoch: string, offset: number, data: unknown): boolean {
    return this.messages.get(`${room} ${epoch} ${offset}`)?.data === data;
  }

  /** True for a message that this connection published itself. */
  isOwn(room: string, epoch: string, offset: number, connectionId: string | undefined): boolean {
    const origin = this.messages.get(`${room} ${epoch} ${offset}`)?.origin;
    return origin !== undefined && origin === connectionId;
  }

  /** Moves a position over the messages that this connection published itself. */
  skipOwn(room: string, { epoch, offset }: Position, connectionId: string | undefined, end = Infinity): Position {
    let reached = offset;
    while (reached < end) {
      if (!this.isOwn(room, epoch, reached + 1, connectionId)) break;
      reached += 1;
    }
    return { epoch, offset: reached };
  }
}

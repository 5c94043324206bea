import type { GapPayload, JoinedPayload, RoomMessagePayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import type { Ledger } from './ledger.js';

interface Hole {
  readonly offset: number;
  /** The connection on which it was passed over. */
  readonly connection: number;
}

/**
 * What one client has seen of one room over all its connections. Each message must be the next one; what is passed
 * over must have been announced as lost, or be the client's own, sent on that very connection.
 */
export class RoomView {
  /** The last message seen: where a recovery goes on. */
  position: Position | undefined;
  joined = false;
  /** How many messages were announced as lost. */
  announced = 0;
  private readonly holes: Hole[] = [];

  constructor(
    private readonly room: string,
    private readonly userId: string,
    private readonly ledger: Ledger,
  ) {}

  onJoined({ epoch, offset, recovered }: JoinedPayload): void {
    const asked = this.position;
    this.joined = true;
    this.position = { epoch, offset };
    if (asked === undefined) return;
    if (epoch !== asked.epoch) this.fail(`a new epoch: ${epoch} after ${asked.epoch}`);
    if (offset < asked.offset) this.fail(`recovered from ${asked.offset} at ${offset}`);
    if (recovered !== (offset === asked.offset)) this.fail(`recovered: ${String(recovered)} at ${offset}`);
    this.announced += offset - asked.offset;
  }

  onGap({ epoch, offset }: GapPayload): void {
    const { position } = this;
    if (!this.joined || position === undefined) this.fail('a gap before it was joined');
    else if (epoch !== position.epoch || offset <= position.offset) this.fail(`a gap to ${offset} that goes back`);
    else this.announced += offset - position.offset;
    this.position = { epoch, offset };
  }

  onMessage({ offset = NaN, id, data }: RoomMessagePayload, connection: number): void {
    const { position } = this;
    if (!this.joined || position === undefined) {
      this.fail(`${offset} came to who is not a member`);
      return;
    }
    const message = this.ledger.messages[(data as { n: number }).n];
    if (message?.id !== id) this.fail(`${offset} has the id ${id}`);
    if (message?.sentOn.size === 1 && message.sentOn.has(connection)) this.fail(`${offset} came back to its sender`);
    this.ledger.place(message, this.room, offset);
    if (offset <= position.offset) this.fail(`${offset} came after ${position.offset}`);
    this.passOver(position.offset + 1, offset - 1, connection);
    this.position = { epoch: position.epoch, offset };
  }

  /** True when everything up to the room's head is had; what comes last may be the client's own. */
  isLevel(connection: number): boolean {
    const { position } = this;
    if (position === undefined) return false;
    const head = this.ledger.head(this.room);
    for (let offset = position.offset + 1; offset <= head; offset += 1) {
      if (!this.isOwn({ offset, connection })) return false;
    }
    return true;
  }

  /** Looks at what was passed over, now that everybody knows what it was. */
  check(): void {
    for (const hole of this.holes) if (!this.isOwn(hole)) this.fail(`${hole.offset} was lost`);
  }

  toString(): string {
    return `${this.userId} stands at ${this.position?.offset} of ${this.ledger.head(this.room)} in ${this.room}`;
  }

  private passOver(first: number, last: number, connection: number): void {
    for (let offset = first; offset <= last; offset += 1) this.holes.push({ offset, connection });
  }

  private isOwn({ offset, connection }: Hole): boolean {
    const message = this.ledger.at(this.room, offset);
    return message?.userId === this.userId && message.sentOn.has(connection);
  }

  private fail(what: string): void {
    this.ledger.fail(`${this.userId} in ${this.room}: ${what}`);
  }
}

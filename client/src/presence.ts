import type { Member, PresencePayload } from '../../src/protocol/messages.js';
import { Emitter } from './emitter.js';

/** What a presence list tells of. */
export interface PresenceEvents {
  /** Who is there has changed, or was read anew. */
  change: PresenceList;
}

/**
 * Who is in a room, kept up to date for as long as it is not closed: read whenever the room is joined, and followed from
 * there where the server tells of changes. Where it does not, `refresh()` reads it anew.
 */
export class PresenceList extends Emitter<PresenceEvents> {
  /** Connections in the room; those that the server tells of one by one, and no more than it lists at once. */
  members: readonly Member[] = [];
  /** How many connections there are, those that are not listed among them. */
  size = 0;
  /** A part of the servers did not answer in time: there may be more. */
  partial = false;
  private reading: Promise<void> | undefined;
  private again = false;

  /** @internal */
  constructor(
    private readonly read: () => Promise<PresencePayload>,
    private readonly stop: (list: PresenceList) => void,
  ) {
    super();
  }

  /**
   * Reads the list.
   *
   * @throws RookeryError `FORBIDDEN` without the grant `presence`, `TIMEOUT`, `CLOSED`
   */
  refresh(): Promise<void> {
    // One that is on its way may have been answered before what is asked for happened.
    if (this.reading !== undefined) this.again = true;
    this.reading ??= this.readAll().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  /** Follows it no longer. */
  close(): void {
    this.stop(this);
  }

  /** @internal */
  joined({ clientId, userId }: Member): void {
    if (this.members.some((member) => member.userId === userId)) return;
    this.members = [...this.members, { clientId, userId }];
    this.size += 1;
    this.emit('change', this);
  }

  /** A user is gone with all its connections. @internal */
  left({ userId }: Member): void {
    const before = this.members.length;
    this.members = this.members.filter((member) => member.userId !== userId);
    // One that was not listed was counted all the same.
    this.size -= before - this.members.length || 1;
    this.emit('change', this);
  }

  private async readAll(): Promise<void> {
    do {
      this.again = false;
      const { members, size, partial = false } = await this.read();
      Object.assign(this, { members, size, partial });
    } while (this.again);
    this.emit('change', this);
  }
}

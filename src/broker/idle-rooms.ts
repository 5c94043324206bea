import type { LossReason } from '../protocol/position.js';

/** What is kept of a room without members and without history: enough to number on, and to tell clients what is lost. */
export interface IdleRoom {
  /** See {@link Epochs}. */
  readonly generation: number;
  /** Offset of the newest publication. */
  readonly head: number;
  /** Why the newest publication is gone. */
  readonly lossReason: LossReason;
  /** When the room was last published to or left, in seconds of the monotonic clock: whole numbers take less memory. */
  readonly usedAt: number;
}

/** Rooms without members and without history, the one that is idle for the longest time first. */
export class IdleRooms {
  private readonly rooms = new Map<string, IdleRoom>();

  get size(): number {
    return this.rooms.size;
  }

  /** The room that is idle for the longest time; undefined if there is none. */
  get oldest(): { readonly room: string; readonly usedAt: number } | undefined {
    for (const [room, { usedAt }] of this.rooms) return { room, usedAt };
    return undefined;
  }

  find(room: string): IdleRoom | undefined {
    return this.rooms.get(room);
  }

  keep(room: string, { generation, head, lossReason, usedAt }: IdleRoom): void {
    this.rooms.delete(room);
    this.rooms.set(room, { generation, head, lossReason, usedAt });
  }

  delete(room: string): void {
    this.rooms.delete(room);
  }
}

import type { Member } from '../protocol/messages.js';

interface UserEntry {
  /** Connections of the user in the room. */
  readonly connections: Set<string>;
  /** The connection that the others were told of. */
  clientId: string;
  /** Whether the others think that the user is here. */
  announced: boolean;
  /** Since when no connection is left; undefined while there is one. */
  goneSince: number | undefined;
}

/** What there is to tell. */
export interface PresenceChanges {
  readonly joined: readonly Member[];
  readonly left: readonly Member[];
  /** True when somebody is gone who may still come back unnoticed. */
  readonly pending: boolean;
}

/**
 * Who is in one room by user, and what of that the members have been told. A user is there from its first connection
 * to its last; one that is back within the grace was never gone.
 */
export class PresenceLedger {
  private readonly users = new Map<string, UserEntry>();
  private readonly changed = new Set<string>();

  constructor(private readonly graceMs: number) {}

  joined(userId: string, clientId: string): void {
    let entry = this.users.get(userId);
    if (entry === undefined) {
      entry = { connections: new Set(), clientId, announced: false, goneSince: undefined };
      this.users.set(userId, entry);
    }
    entry.connections.add(clientId);
    entry.goneSince = undefined;
    if (!entry.announced) entry.clientId = clientId;
    this.changed.add(userId);
  }

  /** Takes a connection that was there before: who already is there need not be told of it. */
  found(userId: string, clientId: string): void {
    if (this.users.has(userId)) return;
    const connections = new Set([clientId]);
    this.users.set(userId, { connections, clientId, announced: true, goneSince: undefined });
  }

  left(userId: string, clientId: string, now: number): void {
    const entry = this.users.get(userId);
    if (entry === undefined || !entry.connections.delete(clientId) || entry.connections.size > 0) return;
    entry.goneSince = now;
    this.changed.add(userId);
  }

  /** What the members have to be told now. */
  settle(now: number): PresenceChanges {
    const joined: Member[] = [];
    const left: Member[] = [];
    for (const userId of this.changed) {
      const entry = this.users.get(userId);
      if (entry === undefined || !this.isSettled(entry, now)) continue;
      this.changed.delete(userId);
      const gone = entry.goneSince !== undefined;
      if (gone) this.users.delete(userId);
      if (gone === entry.announced) (gone ? left : joined).push({ clientId: entry.clientId, userId });
      entry.announced = true;
    }
    return { joined, left, pending: this.changed.size > 0 };
  }

  /** Who was never announced need not be waited for. */
  private isSettled({ goneSince, announced }: UserEntry, now: number): boolean {
    return goneSince === undefined || !announced || now - goneSince >= this.graceMs;
  }
}

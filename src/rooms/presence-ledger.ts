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
  /** Connections that looked while the user was not there: what the others were told is not what they think. */
  readonly unaware: Set<string>;
}

/** A coming or a going, and who of the members is told. */
export interface PresenceChange {
  readonly member: Member;
  /** Only these, of a coming that others never heard the going of; or all but these, who saw no one that could go. */
  readonly only?: ReadonlySet<string>;
  readonly except?: ReadonlySet<string>;
}

/** What there is to tell. */
export interface PresenceChanges {
  readonly joined: readonly PresenceChange[];
  readonly left: readonly PresenceChange[];
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
      entry = { connections: new Set(), clientId, announced: false, goneSince: undefined, unaware: new Set() };
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
    this.users.set(userId, { connections, clientId, announced: true, goneSince: undefined, unaware: new Set() });
  }

  left(userId: string, clientId: string, now: number): void {
    const entry = this.users.get(userId);
    if (entry === undefined || !entry.connections.delete(clientId) || entry.connections.size > 0) return;
    entry.goneSince = now;
    this.changed.add(userId);
  }

  /**
   * Takes who a member was told is there. Who is missing is away for a moment, or was: that it is back would be news to
   * this member and to no other.
   *
   * @returns whether there is something to tell it, now or later
   */
  looked(clientId: string, found: ReadonlySet<string>): boolean {
    let differs = false;
    for (const [userId, { announced, unaware }] of this.users) {
      if (!announced) continue;
      unaware.delete(clientId);
      if (found.has(userId)) continue;
      unaware.add(clientId);
      this.changed.add(userId);
      differs = true;
    }
    return differs;
  }

  /** What the members have to be told now. */
  settle(now: number): PresenceChanges {
    const joined: PresenceChange[] = [];
    const left: PresenceChange[] = [];
    for (const userId of this.changed) {
      const entry = this.users.get(userId);
      if (entry === undefined || !this.isSettled(entry, now)) continue;
      this.changed.delete(userId);
      const gone = entry.goneSince !== undefined;
      const { announced, clientId, unaware } = entry;
      const member = { clientId, userId };
      if (gone) {
        this.users.delete(userId);
        if (announced) left.push(unaware.size > 0 ? { member, except: unaware } : { member });
        continue;
      }
      if (!announced) joined.push({ member });
      else if (unaware.size > 0) joined.push({ member, only: new Set(unaware) });
      unaware.clear();
      entry.announced = true;
    }
    return { joined, left, pending: this.changed.size > 0 };
  }

  /** Who was never announced need not be waited for. */
  private isSettled({ goneSince, announced }: UserEntry, now: number): boolean {
    return goneSince === undefined || !announced || now - goneSince >= this.graceMs;
  }
}

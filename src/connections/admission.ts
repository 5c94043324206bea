import { Injectable } from '@nestjs/common';

import { RookeryOptions } from '../config/rookery.options.js';
import type { RefusalCode } from '../protocol/refusals.js';

/** Counts by key, with a bound; keys without a count are not kept. */
class BoundedCounts {
  private readonly counts = new Map<string, number>();

  constructor(private readonly bound: number) {}

  /** @returns false when the bound is reached */
  take(key: string): boolean {
    const count = this.counts.get(key) ?? 0;
    if (this.bound > 0 && count >= this.bound) return false;
    this.counts.set(key, count + 1);
    return true;
  }

  give(key: string): void {
    const count = this.counts.get(key) ?? 0;
    if (count > 1) this.counts.set(key, count - 1);
    else this.counts.delete(key);
  }
}

/** A place among the connections, to be given back once. */
export interface Place {
  /** Takes the user's share, too, when it is known who it is. */
  takeUser(userId: string): RefusalCode | undefined;
  readonly give: () => void;
}

/** The bounds on connections: of the node, of one address, of one user. Upgrades in progress count, too. */
@Injectable()
export class Admission {
  private readonly addresses: BoundedCounts;
  private readonly users: BoundedCounts;
  private taken = 0;

  constructor(private readonly options: RookeryOptions) {
    this.addresses = new BoundedCounts(options.maxConnectionsPerAddress);
    this.users = new BoundedCounts(options.maxConnectionsPerUser);
  }

  /** Takes a place, or says why there is none. */
  take(address: string): Place | RefusalCode {
    const { maxConnections } = this.options;
    if (maxConnections > 0 && this.taken >= maxConnections) return 'FULL';
    if (!this.addresses.take(address)) return 'TOO_MANY_CONNECTIONS';
    this.taken += 1;
    let user: string | undefined;
    let given = false;
    return {
      takeUser: (userId) => {
        // The client may have gone while its token was verified.
        if (given) return undefined;
        if (!this.users.take(userId)) return 'TOO_MANY_CONNECTIONS';
        user = userId;
        return undefined;
      },
      give: () => {
        if (given) return;
        given = true;
        this.taken -= 1;
        this.addresses.give(address);
        if (user !== undefined) this.users.give(user);
      },
    };
  }
}

import { Inject, Injectable } from '@nestjs/common';

import type { MaybePromise } from '../broker/broker.js';
import { Cluster } from '../cluster/cluster.js';
import { LocalCounts } from '../cluster/local-counts.js';
import type { SharedCounts } from '../cluster/shared-counts.js';
import { RookeryOptions } from '../config/rookery.options.js';
import type { RefusalCode } from '../protocol/refusals.js';
import { countedAddress } from '../auth/client-address.js';
import { Descriptors } from './descriptors.js';

/** A place among the connections, to be given back once. */
export interface Place {
  /** The whole address, of which an IPv6 client's prefix is counted. */
  readonly address: string;
  /**
   * Takes the user's share, too, when it is known who it is. At once where no other node has to be asked; else within
   * a bounded time.
   */
  takeUser(userId: string): MaybePromise<RefusalCode | undefined>;
  readonly give: () => void;
}

/**
 * The bounds on connections: of the node, by its setting and by its file descriptors; of one address at the node; of
 * one user over all nodes. Upgrades in progress count, too.
 */
@Injectable()
export class Admission {
  private readonly addresses: LocalCounts;
  /** Undefined where users have no bound: nothing is counted then. */
  private readonly users: SharedCounts | undefined;
  private taken = 0;

  constructor(
    private readonly options: RookeryOptions,
    @Inject(Cluster) cluster: Cluster,
    private readonly descriptors: Descriptors,
  ) {
    const { maxConnectionsPerAddress, maxConnectionsPerUser } = options;
    this.addresses = new LocalCounts(maxConnectionsPerAddress);
    if (maxConnectionsPerUser > 0) this.users = cluster.counts('users', maxConnectionsPerUser);
  }

  /** Takes a place, or says why there is none. */
  take(address: string): Place | RefusalCode {
    const { maxConnections, addressPrefixLength } = this.options;
    if (maxConnections > 0 && this.taken >= maxConnections) return 'FULL';
    if (this.descriptors.isShort) return 'FULL';
    const counted = countedAddress(address, addressPrefixLength);
    if (!this.addresses.take(counted)) return 'TOO_MANY_CONNECTIONS';
    this.taken += 1;
    return this.placeOf(address, counted);
  }

  private placeOf(address: string, counted: string): Place {
    const { users } = this;
    let user: string | undefined;
    let given = false;
    const settle = (userId: string, isTaken: boolean): RefusalCode | undefined => {
      if (!isTaken) return 'TOO_MANY_CONNECTIONS';
      // The client may have gone while other nodes were asked.
      if (given) users?.give(userId);
      else user = userId;
      return undefined;
    };
    return {
      address,
      takeUser: (userId) => {
        // Or while its token was verified.
        if (users === undefined || given) return undefined;
        const taken = users.take(userId);
        return taken instanceof Promise ? taken.then((isTaken) => settle(userId, isTaken)) : settle(userId, taken);
      },
      give: () => {
        if (given) return;
        given = true;
        this.taken -= 1;
        this.addresses.give(counted);
        if (user !== undefined) users?.give(user);
      },
    };
  }
}

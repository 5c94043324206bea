import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';

import { Cluster } from '../cluster/cluster.js';
import { ConnectionsService } from './connections.service.js';

const DISCONNECT = 'connections:disconnect';
const DISCONNECT_USER = 'connections:disconnect-user';
const COUNT = 'connections:count';

/** A number over all nodes. */
export interface ClusterCount {
  readonly count: number;
  /** True where a node did not answer in time: the number is a lower bound. */
  readonly partial: boolean;
}

/** The connections of all nodes. */
@Injectable()
export class ClusterConnections implements OnModuleInit {
  constructor(
    @Inject(Cluster) private readonly cluster: Cluster,
    private readonly local: ConnectionsService,
  ) {}

  onModuleInit(): void {
    this.cluster.on(DISCONNECT, (id) => (this.local.disconnect(String(id)) ? 1 : 0));
    this.cluster.on(DISCONNECT_USER, (userId) => this.local.disconnectUser(String(userId)));
    this.cluster.on(COUNT, () => this.local.count());
  }

  /** How many connections there are. */
  count(): Promise<ClusterCount> {
    return this.sum(this.local.count(), COUNT, null);
  }

  /** Closes a connection with 4403, wherever it is; the count is 1 where it was found. */
  disconnect(id: string): Promise<ClusterCount> {
    if (this.local.disconnect(id)) return Promise.resolve({ count: 1, partial: false });
    return this.sum(0, DISCONNECT, id);
  }

  /** Closes all connections of a user with 4403. */
  disconnectUser(userId: string): Promise<ClusterCount> {
    return this.sum(this.local.disconnectUser(userId), DISCONNECT_USER, userId);
  }

  private async sum(own: number, topic: string, payload: unknown): Promise<ClusterCount> {
    const { answers, partial } = await this.cluster.ask(topic, payload);
    return { count: answers.reduce((sum, { answer }) => sum + Number(answer), own), partial };
  }
}

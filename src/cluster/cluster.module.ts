import { Module } from '@nestjs/common';

import { RookeryOptions } from '../config/rookery.options.js';
import { Cluster } from './cluster.js';
import { LocalCluster } from './local.cluster.js';
import { Siblings } from './siblings.js';
import { RedisCluster } from './redis.cluster.js';

/** The other nodes, and the other processes of this one's port, if there are any. */
@Module({
  providers: [
    Siblings,
    {
      provide: Cluster,
      useFactory: (options: RookeryOptions): Cluster =>
        options.redisUrl === undefined ? new LocalCluster() : new RedisCluster(options),
      inject: [RookeryOptions],
    },
  ],
  exports: [Cluster, Siblings],
})
export class ClusterModule {}

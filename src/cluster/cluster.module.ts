import { Module } from '@nestjs/common';

import { RookeryOptions } from '../config/rookery.options.js';
import { Cluster } from './cluster.js';
import { LocalCluster } from './local.cluster.js';
import { RedisCluster } from './redis.cluster.js';

/** The other nodes, if there are any. */
@Module({
  providers: [
    {
      provide: Cluster,
      useFactory: (options: RookeryOptions): Cluster =>
        options.redisUrl === undefined ? new LocalCluster() : new RedisCluster(options),
      inject: [RookeryOptions],
    },
  ],
  exports: [Cluster],
})
export class ClusterModule {}

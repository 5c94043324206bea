import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import { MAX_ROOM_NAME_LENGTH } from '../protocol/room-name.js';

/** What Fastify was made with, as far as it matters here. */
interface FastifyInstance {
  readonly initialConfig: {
    readonly maxParamLength?: number;
    readonly routerOptions?: { readonly maxParamLength?: number };
  };
}

/**
 * Warns at start where long room names cannot be in paths: Fastify's router answers them with 414 before any route,
 * and only whoever makes the instance can set its limit.
 */
@Injectable()
export class PathLength implements OnApplicationBootstrap {
  private readonly logger = new Logger(PathLength.name);

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  onApplicationBootstrap(): void {
    // Without a server there is no adapter.
    const adapter = this.adapterHost.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined;
    if (adapter?.getType() !== 'fastify') return;
    const { maxParamLength = 0, routerOptions } = adapter.getInstance<FastifyInstance>().initialConfig;
    // The one that is not set is there as well, with its default.
    const limit = Math.max(maxParamLength, routerOptions?.maxParamLength ?? 0);
    if (limit >= MAX_ROOM_NAME_LENGTH) return;
    this.logger.warn(
      `Fastify answers REST calls for rooms with 414 where the name has more than ${limit} characters; room names have ` +
        `up to ${MAX_ROOM_NAME_LENGTH}: pass { routerOptions: { maxParamLength: ${MAX_ROOM_NAME_LENGTH} } } to the FastifyAdapter`,
    );
  }
}

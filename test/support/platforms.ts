import { HttpAdapterHost } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';

import {
  AdminModule,
  HealthModule,
  MetricsModule,
  RestErrorFilter,
  type RookeryOptionsInput,
} from '../../src/index.js';
import { startApplication } from './application.js';
import { startServer, type TestServer } from './server.js';

/** Starts Rookery with all its REST, stopped at the end of the test. */
export type Start = (options?: RookeryOptionsInput) => Promise<TestServer>;

/** The platforms of Nest that Rookery's REST runs on: the stand-alone server's own, and an application's. */
export const PLATFORMS: readonly (readonly [name: string, start: Start])[] = [
  ['Express', startServer],
  ['Fastify', startOnFastify],
];

/** The platforms of Nest, as an application names them. */
export const ADAPTERS = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
] as const satisfies readonly (readonly [name: string, make: () => ExpressAdapter | FastifyAdapter])[];

/** An application on Fastify that is set up as the stand-alone server is. */
async function startOnFastify(options: RookeryOptionsInput = {}): Promise<TestServer> {
  const adapter = new FastifyAdapter({
    // Room names have up to 200 characters; longer ones are to reach Rookery as well.
    routerOptions: { maxParamLength: 1000 },
    bodyLimit: options.maxMessageBytes ?? 524_288,
    // It is data, and is carried as it is.
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
  });
  return startApplication({
    adapter,
    options,
    imports: [AdminModule, HealthModule, MetricsModule],
    prepare: (app) => app.useGlobalFilters(new RestErrorFilter(app.get(HttpAdapterHost))),
  });
}

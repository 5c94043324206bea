import type { Server } from 'node:http';

import { NestFactory } from '@nestjs/core';
import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { FastifyAdapter } from '@nestjs/platform-fastify';

import { RookeryAdapter, RookeryModule, type RookeryOptionsInput, type RookeryOverrides } from '../../src/index.js';
import { RecordingLogger } from './recording-logger.js';
import { SECRET, serve, type TestServer } from './server.js';

export interface ApplicationParts extends Pick<ModuleMetadata, 'imports' | 'controllers' | 'providers'> {
  readonly options?: RookeryOptionsInput;
  readonly overrides?: RookeryOverrides;
  /** What the application does with itself before it listens. */
  readonly prepare?: (app: INestApplication<Server>) => void;
  /** The HTTP platform; left out, Express. */
  readonly adapter?: ExpressAdapter | FastifyAdapter;
}

export interface TestApplication extends TestServer {
  /** What Nest and the application logged. */
  readonly log: RecordingLogger;
}

export const TEST_OPTIONS: RookeryOptionsInput = {
  nodeEnv: 'test',
  jwtSecret: SECRET,
  drainTimeoutMs: 500,
  maxEventLoopDelayMs: 0,
};

class Application {}

/** A Nest application that imports Rookery as any other would, on a free port, stopped at the end of the test. */
export function startApplication({
  options,
  overrides,
  prepare,
  adapter,
  ...parts
}: ApplicationParts): Promise<TestApplication> {
  const rookery = RookeryModule.forRoot({ ...TEST_OPTIONS, ...options }, overrides);
  return listen({ ...parts, imports: [rookery, ...(parts.imports ?? [])] }, prepare, adapter);
}

/** The same for an application that brings its own import of Rookery. */
export async function listen(
  metadata: ModuleMetadata,
  prepare?: ApplicationParts['prepare'],
  adapter: ExpressAdapter | FastifyAdapter = new ExpressAdapter(),
): Promise<TestApplication> {
  const log = new RecordingLogger();
  const module = { module: Application, ...metadata };
  const app = await NestFactory.create<INestApplication<Server>>(module, adapter, { logger: log, abortOnError: false });
  app.useWebSocketAdapter(new RookeryAdapter(app));
  prepare?.(app);
  await app.listen(0, '127.0.0.1');
  return { ...serve(app), log };
}

import { createSecretKey, type KeyObject } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { INestApplication } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import jwt from 'jsonwebtoken';

import { createApplication } from '../../src/bootstrap.js';
import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';
import { cleanUp } from './teardown.js';

export const SECRET = 'a secret of the tests, thirty-two characters and more';

/** As text, it would first be tried as a private key, for every token anew. */
const SECRET_KEY = createSecretKey(SECRET, 'utf8');

/** What a test's token says besides the defaults. */
export type Claims = Readonly<Record<string, unknown>>;

/** A token that the test server takes: user `alice`, an hour, unless the claims say otherwise. */
export function tokenFor(claims: Claims = {}, secret: string | KeyObject = SECRET_KEY): string {
  const seconds = Math.floor(Date.now() / 1000);
  return jwt.sign({ sub: 'alice', exp: seconds + 3600, ...claims }, secret, { algorithm: 'HS256' });
}

export interface TestServer<App extends INestApplication<Server> = INestApplication<Server>> {
  readonly app: App;
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly http: string;
  /** `ws://127.0.0.1:<port>/ws` */
  readonly ws: string;
  stop(): Promise<void>;
}

/** Wraps an application that listens, and stops it at the end of the test. */
export function serve<App extends INestApplication<Server>>(app: App): TestServer<App> {
  const { port } = app.getHttpServer().address() as AddressInfo;
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= app.close());
  cleanUp(stop);
  return { app, port, http: `http://127.0.0.1:${port}`, ws: `ws://127.0.0.1:${port}/ws`, stop };
}

/**
 * The stand-alone server in this process, on a free port, stopped at the end of the test. Its key is the secret, unless
 * the options name another one.
 */
export function startServer(options: RookeryOptionsInput = {}): Promise<TestServer<NestExpressApplication>> {
  const hasOtherKey = options.jwtPublicKey !== undefined || options.jwksUrl !== undefined;
  return startServerWithoutKey({ ...(hasOtherKey ? {} : { jwtSecret: SECRET }), ...options });
}

/** The same with no key but what the options name: without one, the server generates its own. */
export async function startServerWithoutKey(
  options: RookeryOptionsInput = {},
): Promise<TestServer<NestExpressApplication>> {
  const app = await createApplication({
    nodeEnv: 'test',
    logLevel: 'silent',
    drainTimeoutMs: 500,
    // A busy machine holds up this process: readiness is to fail for the reason that a test makes.
    maxEventLoopDelayMs: 0,
    ...options,
  });
  await app.listen(0, '127.0.0.1');
  return serve(app);
}

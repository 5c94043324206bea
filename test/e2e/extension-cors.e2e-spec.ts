import { Controller, Get, VersioningType, type CanActivate } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { CorsOptions } from 'cors';

import { startApplication, type ApplicationParts, type TestApplication } from '../support/application.js';
import { corsHeadersOf, preflight } from '../support/cors.js';
import { exchange } from '../support/raw-socket.js';
import { tokenFor } from '../support/server.js';
import { askForTicket } from '../support/tickets.js';

const PAGE = 'https://app.example.com';
const OWN = 'https://own.example.com';

@Controller('own')
class OwnController {
  @Get()
  read(): string {
    return 'own';
  }
}

class NobodyGuard implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

function start(
  prepare?: ApplicationParts['prepare'],
  parts: Omit<ApplicationParts, 'prepare'> = {},
): Promise<TestApplication> {
  const options = { allowedOrigins: [PAGE] };
  return startApplication({ options, controllers: [OwnController], ...parts, ...(prepare && { prepare }) });
}

/** The lines of an answer's head that tell a browser what pages may do, each as often as it came. */
async function corsLines(server: TestApplication, method: 'OPTIONS' | 'POST', origin: string): Promise<string[]> {
  const head = [
    `${method} /api/tickets HTTP/1.1`,
    'Host: 127.0.0.1',
    `Origin: ${origin}`,
    `Authorization: Bearer ${tokenFor()}`,
    'Access-Control-Request-Method: POST',
    'Access-Control-Request-Headers: authorization',
  ];
  const { lines } = await exchange(server, `${head.join('\r\n')}\r\n\r\n`);
  return lines.filter((line) => /^access-control-/i.test(line));
}

describe('an application around', () => {
  it('has CORS for tickets by the option, and none for routes of its own', async () => {
    const server = await start();
    expect((await preflight(server, PAGE)).headers['access-control-allow-origin']).toBe(PAGE);
    await askForTicket(server).set('Origin', PAGE).expect(201).expect('access-control-allow-origin', PAGE);
    expect((await preflight(server, OWN)).status).toBe(403);

    const own = await fetch(`${server.http}/own`, { headers: { origin: PAGE } });
    expect([await own.text(), corsHeadersOf(Object.fromEntries(own.headers))]).toEqual(['own', {}]);
    expect((await preflight(server, PAGE, { path: '/own', method: 'GET' })).status).toBe(404);
  });

  it('answers by its own enableCors alone where it has one', async () => {
    const server = await start((app) =>
      app.enableCors({
        origin: (_origin, allow) => allow(null, OWN),
        credentials: true,
        maxAge: 5,
      } satisfies CorsOptions),
    );
    // As it is written, for pages that Rookery would let in as well: nothing is added, doubled or replaced.
    for (const origin of [OWN, PAGE]) {
      const asked = await corsLines(server, 'OPTIONS', origin);
      expect(asked.toSorted()).toEqual([
        'Access-Control-Allow-Credentials: true',
        'Access-Control-Allow-Headers: authorization',
        'Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE',
        `Access-Control-Allow-Origin: ${OWN}`,
        'Access-Control-Max-Age: 5',
      ]);
      expect(await corsLines(server, 'POST', origin)).toEqual([
        `Access-Control-Allow-Origin: ${OWN}`,
        'Access-Control-Allow-Credentials: true',
      ]);
    }
    const own = await fetch(`${server.http}/own`, { headers: { origin: OWN } });
    expect(own.headers.get('access-control-allow-origin')).toBe(OWN);
  });

  it('may let a page in that its enableCors has no word for, by the option', async () => {
    const server = await start((app) =>
      app.enableCors({
        origin: (origin, allow) => allow(null, origin === OWN && OWN),
        credentials: true,
      } satisfies CorsOptions),
    );
    expect(await corsLines(server, 'OPTIONS', OWN)).toContain('Access-Control-Allow-Credentials: true');
    expect(await corsLines(server, 'OPTIONS', PAGE)).toContain(`Access-Control-Allow-Origin: ${PAGE}`);
    expect(await corsLines(server, 'POST', PAGE)).toEqual([
      `Access-Control-Allow-Origin: ${PAGE}`,
      'Access-Control-Expose-Headers: Retry-After',
    ]);
  });

  it('may leave the answer to a preflight to the route', async () => {
    const server = await start((app) => app.enableCors({ origin: [OWN], preflightContinue: true }));
    const { status, headers } = await preflight(server, OWN);
    expect([status, headers['access-control-allow-origin'], headers['allow']]).toEqual([204, OWN, 'OPTIONS, POST']);
  });

  it('may have a prefix and versions', async () => {
    const server = await start((app) => {
      app.setGlobalPrefix('rooms');
      app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
    });
    const path = '/rooms/v1/api/tickets';
    expect((await preflight(server, PAGE, { path })).headers['access-control-allow-origin']).toBe(PAGE);
    const headers = { origin: PAGE, authorization: `Bearer ${tokenFor()}` };
    const answer = await fetch(server.http + path, { method: 'POST', headers });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([201, PAGE]);
  });

  it('may have a guard for all calls: preflights, which show no token, are answered before it', async () => {
    const server = await start(undefined, { providers: [{ provide: APP_GUARD, useClass: NobodyGuard }] });
    expect((await preflight(server, PAGE)).status).toBe(204);
    await askForTicket(server).set('Origin', PAGE).expect(403).expect('access-control-allow-origin', PAGE);
  });
});

import {
  Controller,
  Get,
  Header,
  Injectable,
  UseFilters,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';

import { HealthModule, MetricsModule, RestErrorFilter } from '../../src/index.js';
import { startApplication } from '../support/application.js';
import { EXCEPTIONS, SECRET_TEXT, throwNamed } from '../support/exceptions.js';
import { ADAPTERS } from '../support/platforms.js';
import { tokenFor, type TestServer } from '../support/server.js';

const EXCEPTION_HEADER = 'x-exception';

interface Named {
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** Throws the exception that a call names. */
@Injectable()
class NamedGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { [EXCEPTION_HEADER]: name } = context.switchToHttp().getRequest<Named>().headers;
    return name === 'refuse' ? false : name === undefined || throwNamed(decodeURIComponent(name));
  }
}

/** A controller of the application's, with Rookery's filter. */
@Controller('own')
@UseFilters(RestErrorFilter)
class OwnController {
  @Get()
  @Header('WWW-Authenticate', 'Basic')
  @Header('Retry-After', '60')
  read(): string {
    return throwNamed('unauthorized');
  }
}

function call(server: TestServer, path: string, exception?: string, method = 'GET'): Promise<Response> {
  const headers = {
    authorization: `Bearer ${tokenFor()}`,
    ...(exception === undefined ? {} : { [EXCEPTION_HEADER]: encodeURIComponent(exception) }),
  };
  return fetch(server.http + path, { method, headers });
}

describe.each(ADAPTERS)('on %s, a guard for all calls', (_platform, adapter) => {
  const start = () =>
    startApplication({
      adapter: adapter(),
      imports: [HealthModule, MetricsModule],
      controllers: [OwnController],
      providers: [{ provide: APP_GUARD, useClass: NamedGuard }],
    });

  it('refuses Rookery’s calls with its own status, code and text', async () => {
    const server = await start();
    for (const [name, { status, payload, logged = false }] of Object.entries(EXCEPTIONS)) {
      const before = server.log.errors.length;
      const answer = await call(server, '/api/tickets', name, 'POST');
      const text = await answer.text();
      expect({ name, status: answer.status, body: JSON.parse(text) as unknown }).toEqual({
        name,
        status,
        body: payload,
      });
      expect(text).not.toContain(SECRET_TEXT);
      expect({ name, logged: server.log.errors.length > before }).toEqual({ name, logged });
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
      const { code } = payload;
      expect({ name, retryAfter: answer.headers.get('retry-after') }).toEqual({
        name,
        retryAfter: code === 'UNAVAILABLE' ? '2' : null,
      });
      expect(answer.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer' : null);
    }
    expect((await call(server, '/api/tickets', undefined, 'POST')).status).toBe(201);
  });

  it.each(['/api/tickets', '/health/live', '/health/ready', '/metrics'])('refuses %s without a word', async (path) => {
    const answer = await call(await start(), path, 'refuse', path === '/api/tickets' ? 'POST' : 'GET');
    expect([answer.status, await answer.json()]).toEqual([403, { code: 'FORBIDDEN', message: 'Not allowed' }]);
  });

  it('has its 503 told from that of a health check', async () => {
    const answer = await call(await start(), '/health/ready', 'unavailable');
    expect([answer.status, await answer.json()]).toEqual([503, EXCEPTIONS['unavailable']?.payload]);
  });

  it('keeps the headers that the application has set', async () => {
    const answer = await call(await start(), '/own');
    expect([answer.status, await answer.json()]).toEqual([401, EXCEPTIONS['unauthorized']?.payload]);
    expect([answer.headers.get('www-authenticate'), answer.headers.get('retry-after')]).toEqual(['Basic', '60']);
  });
});

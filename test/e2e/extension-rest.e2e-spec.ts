import {
  Controller,
  Get,
  Header,
  Injectable,
  UseFilters,
  ValidationPipe,
  type CanActivate,
  type ExecutionContext,
  type PipeTransform,
} from '@nestjs/common';
import { APP_GUARD, APP_PIPE } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';

import { AdminModule, HealthModule, MetricsModule, RestErrorFilter } from '../../src/index.js';
import { startApplication } from '../support/application.js';
import { join } from '../support/client.js';
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

/** Makes text of all that it gets, as a pipe that trims does with bodies. */
@Injectable()
class TextPipe implements PipeTransform {
  transform(value: unknown): string {
    return String(value);
  }
}

const refused = (field: string): object => ({ status: 400, body: { code: 'INVALID_PAYLOAD', details: { field } } });

const LOOSE = { transform: true, transformOptions: { enableImplicitConversion: true } };

describe.each(ADAPTERS)('on %s, Rookery’s calls are checked alike', (_platform, adapter) => {
  it.each([
    ['without a pipe', undefined],
    ['under a ValidationPipe', new ValidationPipe()],
    ['under one that converts', new ValidationPipe({ whitelist: true, ...LOOSE })],
    ['under one that forbids', new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, ...LOOSE })],
    ['under one that looks at everything', new ValidationPipe({ ...LOOSE, validateCustomDecorators: true })],
    ['under one with a word of its own', new ValidationPipe({ exceptionFactory: () => new Error('not to be seen') })],
    ['under a pipe that makes text of all', new TextPipe()],
  ])('%s', async (_what, pipe) => {
    const server = await startApplication({
      adapter: adapter(),
      imports: [AdminModule],
      ...(pipe === undefined ? {} : { providers: [{ provide: APP_PIPE, useValue: pipe }] }),
    });
    const bob = await join(server, { claims: { sub: 'bob' } }, 'general');
    const headers = { authorization: `Bearer ${tokenFor({ scope: 'admin' })}`, 'content-type': 'application/json' };
    const ask = async (path: string, body?: string): Promise<object> => {
      const init = body === undefined ? { headers } : { method: 'POST', headers, body };
      const answer = await fetch(`${server.http}/api/${path}`, init);
      return { status: answer.status, body: await answer.json() };
    };
    const publish = (body: string): Promise<object> => ask('rooms/general/messages', body);

    for (const data of ['null', 'false', '""', '{"constructor":1,"a":{"constructor":[null]}}', '"2020-01-01"']) {
      expect(await publish(`{"data":${data}}`)).toMatchObject({ status: 200, body: { success: true } });
      expect(JSON.stringify((await bob.next('room:message')).payload.data)).toBe(data);
    }
    expect(await ask('broadcast', '{"message":null}')).toMatchObject({ status: 200 });
    expect(await publish('{"data":1,"volatile":"false"}')).toMatchObject(refused('volatile'));
    expect(await publish('{"data":1,"id":7}')).toMatchObject(refused('id'));
    expect(await publish('{"data":1,"secret":1}')).toMatchObject(refused('secret'));
    expect(await publish('{}')).toMatchObject(refused('data'));
    expect(await ask('broadcast', '{"message":1,"room":7}')).toMatchObject(refused('room'));
    expect(await ask('tokens/revoke', '{"jti":7}')).toMatchObject(refused('jti'));
    expect(await ask('rooms?limit=1')).toMatchObject({ status: 200, body: { rooms: [{}] } });
    expect(await ask('rooms?limit=abc')).toMatchObject(refused('limit'));
    expect(await ask('connections?page=1')).toMatchObject(refused('page'));
    expect(await ask('rooms/general/messages?limit=2&offset=-1')).toMatchObject(refused('offset'));
    expect(await ask('rooms/%20general%20')).toMatchObject({ status: 200, body: { room: ' general ', size: 0 } });
  });
});

/** A machine may have few file descriptors, which is another warning. */
const isAboutPaths = (warning: string): boolean => warning.includes('maxParamLength');

describe('room names in paths', () => {
  const WARNING = /414 .* more than \d+ characters.*maxParamLength: 200/;
  const room = 'x'.repeat(200);

  it('are bounded by Fastify as it comes, which is logged at start with what to do', async () => {
    const server = await startApplication({ adapter: new FastifyAdapter(), imports: [AdminModule] });
    expect(server.log.warnings.filter(isAboutPaths)).toEqual([expect.stringMatching(WARNING)]);
    expect((await call(server, `/api/rooms/${'x'.repeat(100)}`)).status).toBe(200);
    expect((await call(server, `/api/rooms/${room}`)).status).toBe(414);
  });

  it.each([
    ['Express', () => new ExpressAdapter()],
    ['Fastify with the limit that the log names', () => new FastifyAdapter({ routerOptions: { maxParamLength: 200 } })],
  ])('have up to 200 characters on %s', async (_platform, adapter) => {
    const server = await startApplication({ adapter: adapter(), imports: [AdminModule] });
    expect(server.log.warnings.filter(isAboutPaths)).toEqual([]);
    expect((await call(server, `/api/rooms/${room}`)).status).toBe(200);
  });
});

import {
  BadRequestException,
  Catch,
  ClassSerializerInterceptor,
  Controller,
  Get,
  Injectable,
  ValidationPipe,
  VersioningType,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, HttpAdapterHost } from '@nestjs/core';
import { map, type Observable } from 'rxjs';

import { AdminModule, HealthModule, MetricsModule } from '../../src/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { join } from '../support/client.js';
import { ADAPTERS } from '../support/platforms.js';
import { tokenFor } from '../support/server.js';

/** Lets in whoever has a key. */
@Injectable()
class KeyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Readonly<Record<string, string | undefined>> }>();
    return headers['x-key'] !== undefined;
  }
}

/** Wraps answers, as many applications do. */
@Injectable()
class WrapInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler<unknown>): Observable<object> {
    return next.handle().pipe(map((data) => ({ data })));
  }
}

/** Answers every error alike. */
@Catch()
class OwnFilter implements ExceptionFilter {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(_error: unknown, host: ArgumentsHost): void {
    this.adapterHost.httpAdapter.reply(host.switchToHttp().getResponse<unknown>(), { own: true }, 418);
  }
}

@Controller('own')
class OwnController {
  @Get()
  read(): string {
    return 'own';
  }

  @Get('never')
  never(): never {
    throw new BadRequestException('Never');
  }
}

function start(
  adapter: (typeof ADAPTERS)[number][1],
  prepare: (app: INestApplication) => void,
): Promise<TestApplication> {
  return startApplication({
    adapter: adapter(),
    prepare,
    // The machine may be busy with something else.
    options: { maxEventLoopDelayMs: 0 },
    imports: [AdminModule, HealthModule, MetricsModule],
    controllers: [OwnController],
    providers: [
      { provide: APP_GUARD, useClass: KeyGuard },
      { provide: APP_FILTER, useClass: OwnFilter },
      { provide: APP_INTERCEPTOR, useClass: WrapInterceptor },
      { provide: APP_INTERCEPTOR, useClass: ClassSerializerInterceptor },
      { provide: APP_PIPE, useValue: new ValidationPipe({ whitelist: true, transform: true }) },
    ],
  });
}

async function ask(server: TestApplication, path: string, body?: object, key = true): Promise<[number, unknown]> {
  const headers = {
    authorization: `Bearer ${tokenFor({ scope: 'admin' })}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(key ? { 'x-key': 'key' } : {}),
  };
  const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) };
  const answer = await fetch(server.http + path, init);
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.startsWith('application/json');
  return [answer.status, isJson ? JSON.parse(text) : text];
}

describe.each(ADAPTERS)('in an application on %s with all that is global', (_platform, adapter) => {
  const startPrefixed = () =>
    start(adapter, (app) => {
      app.setGlobalPrefix('v1');
      app.enableVersioning();
    });

  it('probes and metrics answer under its prefix, metrics as they are', async () => {
    const server = await startPrefixed();
    expect(await ask(server, '/v1/health/live')).toMatchObject([200, { status: 'ok' }]);
    expect(await ask(server, '/v1/health/ready')).toMatchObject([200, { status: 'ok' }]);
    expect(await ask(server, '/v1/metrics')).toEqual([200, expect.stringMatching(/^rookery_connections 0$/m)]);
  });

  it('REST keeps its checks, its errors and its answers', async () => {
    const server = await startPrefixed();
    const path = '/v1/api/rooms/general/messages';
    const bob = await join(server, { claims: { sub: 'bob' } }, 'general');
    // Whoever publishes must not break the answer to those who read.
    const data: unknown = JSON.parse('{"constructor":1,"then":3,"list":[{"constructor":null}]}');
    expect(await ask(server, path, { data })).toMatchObject([200, { success: true, offset: 1 }]);
    expect((await bob.next('room:message')).payload).toMatchObject({ data });
    expect(await ask(server, `${path}?limit=1`)).toMatchObject([200, { messages: [{ data }] }]);
    const refused = { code: 'INVALID_PAYLOAD', details: { field: 'limit' } };
    expect(await ask(server, `${path}?limit=x`)).toMatchObject([400, refused]);
    expect(await ask(server, path, { data }, false)).toEqual([403, { code: 'FORBIDDEN', message: 'Not allowed' }]);
    expect(await ask(server, '/v1/api/tickets', {})).toMatchObject([201, { ticket: expect.any(String) as string }]);
  });

  it('the application’s own calls pass its interceptors and its filter', async () => {
    const server = await startPrefixed();
    expect(await ask(server, '/v1/own')).toEqual([200, { data: 'own' }]);
    expect(await ask(server, '/v1/own/never')).toEqual([418, { own: true }]);
    expect(await ask(server, '/v1/nowhere')).toEqual([418, { own: true }]);
  });

  it.each([
    ['in the path', { type: VersioningType.URI }],
    ['in a header', { type: VersioningType.HEADER, header: 'x-version' }],
    ['in the media type', { type: VersioningType.MEDIA_TYPE, key: 'v=' }],
  ] as const)('with versions %s, calls need none', async (_where, options) => {
    const server = await start(adapter, (app) => app.enableVersioning(options));
    expect(await ask(server, '/api/rooms/general/messages', { data: 1 })).toMatchObject([200, {}]);
    expect(await ask(server, '/health/ready')).toMatchObject([200, {}]);
    expect(await ask(server, '/metrics')).toMatchObject([200, {}]);
  });
});

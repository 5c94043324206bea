import request from 'supertest';

import { connect, join } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { PLATFORMS } from '../support/platforms.js';
import { startServer, tokenFor, type Claims, type TestServer } from '../support/server.js';

type Method = 'get' | 'post' | 'delete';

/** As OpenAPI has it. */
interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly requestBody?: object;
}

const ADMIN: Claims = { sub: 'operator', scope: 'admin' };

/** A REST call with a token. */
function call(server: TestServer, method: Method, path: string, claims: Claims = ADMIN): request.Test {
  return request(server.http)[method](path).auth(tokenFor(claims), { type: 'bearer' });
}

describe.each(PLATFORMS)('publishing over REST on %s', (_platform, start) => {
  it.each([
    ['/api/broadcast', { room: 'general', message: { a: 1 } }, 'room:message', { room: 'general', data: { a: 1 } }],
    ['/api/broadcast', { message: 'hello' }, 'broadcast', { data: 'hello' }],
    ['/api/rooms/general/messages', { data: [1] }, 'room:message', { room: 'general', data: [1] }],
    ['/api/rooms/%40all/messages', { data: 0 }, 'broadcast', { data: 0 }],
    ['/api/users/bob/messages', { data: null, id: 'one' }, 'user:message', { data: null, id: 'one' }],
  ])('%s %j reaches whom it is for', async (path, body, type, payload) => {
    const server = await start();
    const bob = await join(server, { claims: { sub: 'bob' } }, 'general');
    const response = await call(server, 'post', path).send(body).expect(200);

    expect(response.body).toMatchObject({ success: true, offset: 1, epoch: expect.any(String) as string });
    const { payload: received } = await bob.next(type);
    expect(received).toMatchObject({ ...payload, id: (response.body as { id: string }).id, offset: 1 });
    // An operator is the server itself.
    expect(received).not.toHaveProperty('from');
  });

  it('by a user needs the grant, and names the user', async () => {
    const server = await start();
    const bob = await join(server, { claims: { sub: 'bob' } }, 'general');
    const claims = { rooms: [{ pattern: 'general', can: ['publish'] }] };
    await call(server, 'post', '/api/rooms/general/messages', claims).send({ data: 1 }).expect(200);
    const refused = await call(server, 'post', '/api/rooms/other/messages', claims).send({ data: 1 }).expect(403);

    expect(refused.body).toEqual({ code: 'FORBIDDEN', message: expect.any(String) as string });
    expect((await bob.next('room:message')).payload.from).toBe('alice');
  });

  it('is idempotent by id, together with publishing over WebSocket', async () => {
    const server = await start();
    const client = await join(server, {}, 'general');
    const body = { data: 'once', id: 'the-id' };
    const path = '/api/rooms/general/messages';
    const first = await call(server, 'post', path, {}).send(body).expect(200);
    const second = await call(server, 'post', path, {}).send(body).expect(200);
    const third = await client.request('room:message', { room: 'general', ...body });

    expect(second.body).toMatchObject({ offset: (first.body as { offset: number }).offset, duplicate: true });
    expect(third.payload).toMatchObject({ offset: (first.body as { offset: number }).offset, duplicate: true });
    expect(client.takeAll('room:message')).toHaveLength(1);
  });

  it.each<[string, string, object | string, string]>([
    ['no data', '/api/rooms/general/messages', {}, 'data'],
    ['no message', '/api/broadcast', { room: 'general' }, 'message'],
    ['a room that is no text', '/api/broadcast', { room: 7, message: 1 }, 'room'],
    ['an id that is too long', '/api/rooms/general/messages', { data: 1, id: 'x'.repeat(129) }, 'id'],
    ['a volatile that is no flag', '/api/rooms/general/messages', { data: 1, volatile: 'yes' }, 'volatile'],
    ['a volatile where all is kept', '/api/users/bob/messages', { data: 1, volatile: true }, 'volatile'],
    ['a field that nobody knows', '/api/rooms/general/messages', { data: 1, secretStuff: 1 }, 'secretStuff'],
    ['a list', '/api/rooms/general/messages', [], 'body'],
    [
      'data that nests too deep',
      '/api/rooms/general/messages',
      `{"data":${'['.repeat(500)}${']'.repeat(500)}}`,
      'data',
    ],
    [
      'data that overflows a stack',
      '/api/rooms/general/messages',
      `{"data":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
      'data',
    ],
    ['a number that would come out as null', '/api/rooms/general/messages', '{"data":[1e999]}', 'data'],
    ['no JSON', '/api/rooms/general/messages', '{"data":secretStuff', 'body'],
  ])('with %s gets 400 with field and rule', async (_what, path, body, field) => {
    const server = await start();
    const response = await call(server, 'post', path).set('content-type', 'application/json').send(body).expect(400);
    const answer = response.body as { code: string; details?: { field: string; rule: string } };

    expect(answer.code).toBe('INVALID_PAYLOAD');
    expect(answer.details?.field).toBe(field);
    expect(answer.details?.rule).toMatch(/\w+/);
    expect(response.text).not.toMatch(/\bat \S+:\d+|"stack"|"data":secret/);
  });

  it.each(['/api/rooms/%0A/messages', '/api/rooms/%40foo/messages', `/api/rooms/${'x'.repeat(201)}/messages`])(
    'to the room of %s gets 400',
    async (path) => {
      const server = await start();
      const { body } = await call(server, 'post', path).send({ data: 1 }).expect(400);

      expect((body as { code: string }).code).toBe('ROOM_NAME_INVALID');
    },
  );

  it('carries data as it is, whatever its keys are called', async () => {
    const server = await start();
    const bob = await join(server, { claims: { sub: 'bob' } }, 'general');
    const data = '{"__proto__":{"polluted":true},"constructor":1,"toString":2,"then":3,"d":"2020-01-01"}';
    await call(server, 'post', '/api/rooms/general/messages')
      .set('content-type', 'application/json')
      .send(`{"data":${data}}`)
      .expect(200);

    expect(JSON.stringify((await bob.next('room:message')).payload.data)).toBe(data);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('beyond the largest message gets 413', async () => {
    const server = await start({ maxMessageBytes: 1000 });
    const { body } = await call(server, 'post', '/api/rooms/general/messages')
      .send({ data: 'x'.repeat(1000) })
      .expect(413);

    expect((body as { code: string }).code).toBe('TOO_LARGE');
  });

  it('in another media type gets 415', async () => {
    const server = await start();

    for (const type of ['form', 'text/plain', 'application/octet-stream']) {
      const { status, body } = await call(server, 'post', '/api/broadcast').type(type).send('room=general');
      expect([status, (body as { code: string }).code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    }
  });
});

describe.each(PLATFORMS)('rooms over REST on %s', (_platform, start) => {
  it('are listed with their sizes, by page', async () => {
    const server = await start();
    await join(server, {}, 'one', 'two');
    const { body } = await call(server, 'get', '/api/rooms').expect(200);

    expect(body).toMatchObject({ total: 4 });
    expect((body as { rooms: object[] }).rooms).toEqual(
      expect.arrayContaining([
        { room: 'one', size: 1 },
        { room: '@all', size: 1 },
        { room: '@user:alice', size: 1 },
      ]),
    );
    const page = await call(server, 'get', '/api/rooms?offset=3&limit=5').expect(200);
    expect((page.body as { rooms: object[] }).rooms).toHaveLength(1);
  });

  it('tell size and members to who may see presence', async () => {
    const server = await start();
    const client = await connect(server);
    const { clientId } = (await client.next('connected')).payload;
    await client.request('join', 'general');
    const claims = { sub: 'bob', rooms: [{ pattern: 'general', can: ['presence'] }] };

    expect((await call(server, 'get', '/api/rooms/general', claims).expect(200)).body).toEqual({
      room: 'general',
      size: 1,
    });
    expect((await call(server, 'get', '/api/rooms/general/members', claims).expect(200)).body).toEqual({
      room: 'general',
      size: 1,
      members: [{ clientId, userId: 'alice' }],
    });
    await call(server, 'get', '/api/rooms/other', claims).expect(403);
    await call(server, 'get', '/api/rooms/general/messages', claims).expect(403);
    expect((await call(server, 'get', '/api/rooms/nobody').expect(200)).body).toEqual({ room: 'nobody', size: 0 });
  });

  it.each(['limit=0', 'limit=1001', 'limit=x', 'offset=-1', 'offset=1.5', 'page=1'])(
    'refuse the page %s',
    async (query) => {
      const server = await start();
      const { body } = await call(server, 'get', `/api/rooms?${query}`).expect(400);

      expect((body as { details: object }).details).toMatchObject({
        field: query.split('=')[0],
        rule: expect.any(String) as string,
      });
    },
  );
});

describe.each(PLATFORMS)('connections over REST on %s', (_platform, start) => {
  it('are listed by page, and shown one by one', async () => {
    const server = await start();
    const clients = [await connect(server), await connect(server, { claims: { sub: 'bob' } }), await connect(server)];
    const ids = await Promise.all(clients.map(async (client) => (await client.next('connected')).payload.clientId));
    await clients[1]?.request('join', 'general');
    const list = await call(server, 'get', '/api/connections').expect(200);
    const page = await call(server, 'get', '/api/connections?offset=1&limit=1').expect(200);

    expect((list.body as { connections: { clientId: string }[] }).connections.map(({ clientId }) => clientId)).toEqual(
      ids,
    );
    expect(page.body).toMatchObject({ total: 3, connections: [{ clientId: ids[1], userId: 'bob' }] });
    const { body } = await call(server, 'get', `/api/connections/${ids[1]}`).expect(200);
    expect(body).toMatchObject({
      clientId: ids[1],
      userId: 'bob',
      address: expect.stringContaining('127.0.0.1') as string,
      openedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
      rooms: expect.arrayContaining(['general']) as string[],
      outboxBytes: 0,
    });
    expect(JSON.stringify(body)).not.toContain('token');
  });

  it('can be ended, with 4403', async () => {
    const server = await start();
    const client = await connect(server);
    const { clientId } = (await client.next('connected')).payload;
    await call(server, 'delete', `/api/connections/${clientId}`).expect(204);

    expect((await client.closed).code).toBe(4403);
    await eventually(
      async () => (await call(server, 'get', `/api/connections/${clientId}`)).status,
      (status) => status === 404,
    );
    await call(server, 'delete', `/api/connections/${clientId}`).expect(404);
  });
});

describe('every answer', () => {
  it('carries the headers of helmet, and not the name of the framework', async () => {
    const server = await startServer();
    const { headers } = await request(server.http).get('/health/live');

    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff' });
    expect(headers).not.toHaveProperty('x-powered-by');
  });

  it.each(PLATFORMS)('to an unknown path is 404 with a code on %s', async (_platform, start) => {
    const server = await start();
    const { body } = await request(server.http).get('/nowhere/secret-stuff').expect(404);

    expect(body).toEqual({ code: 'NOT_FOUND', message: expect.not.stringContaining('secret-stuff') as string });
  });

  it('is documented with its parameters and its body', async () => {
    const server = await startServer({ nodeEnv: 'development' });
    const { body } = await request(server.http).get('/docs-json').expect(200);
    const { paths } = body as { paths: Record<string, Record<string, Operation>> };

    // Nest learns neither from handlers that read the request themselves.
    for (const [path, operations] of Object.entries(paths)) {
      for (const { parameters = [] } of Object.values(operations)) {
        const named = parameters.filter(({ in: place }) => place === 'path').map(({ name }) => name);
        expect([path, named]).toEqual([path, [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)]);
      }
    }
    const queryOf = (path: string) => paths[path]?.['get']?.parameters?.filter((parameter) => parameter.in === 'query');
    expect(queryOf('/api/rooms')).toEqual([
      { name: 'offset', in: 'query', required: false, schema: { type: 'integer', default: 0, minimum: 0 } },
      {
        name: 'limit',
        in: 'query',
        required: false,
        schema: expect.objectContaining({ type: 'integer', maximum: 1000 }) as object,
      },
    ]);
    expect(queryOf('/api/rooms/{room}/messages')?.map(({ name }) => name)).toEqual(['offset', 'limit', 'epoch']);
    for (const path of [
      '/api/broadcast',
      '/api/rooms/{room}/messages',
      '/api/users/{id}/messages',
      '/api/tokens/revoke',
    ]) {
      expect([path, JSON.stringify(paths[path]?.['post']?.requestBody)]).toEqual([
        path,
        expect.stringMatching(/Body"/),
      ]);
    }
  });
});

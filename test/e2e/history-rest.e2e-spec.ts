import request from 'supertest';

import type { HistoryReply } from '../../src/protocol/messages.js';
import { join } from '../support/client.js';
import { offsetsOf, publish, range } from '../support/messages.js';
import { PLATFORMS } from '../support/platforms.js';
import { startServer, tokenFor, type Claims, type TestServer } from '../support/server.js';

interface Answer {
  readonly status: number;
  readonly body: HistoryReply & { readonly code?: string; readonly details?: object };
}

function read(server: TestServer, target: string, claims: Claims = {}): Promise<Answer> {
  return request(server.http).get(`/api/rooms/${target}`).auth(tokenFor(claims), { type: 'bearer' });
}

const grant = (...can: string[]): Claims => ({ rooms: [{ pattern: 'r', can }] });

describe('GET /api/rooms/{room}/messages', () => {
  it('answers as the history request does', async () => {
    const server = await startServer({ historySize: 5 });
    const alice = await join(server);
    const acks = await publish(alice, 'r', range(1, 8));
    const { payload } = await alice.request('history', { room: 'r' });
    expect(await read(server, 'r/messages')).toMatchObject({ status: 200, body: payload });

    const after = { epoch: acks[0]?.epoch, offset: 1 };
    const { payload: trimmed } = await alice.request('history', { room: 'r', after, limit: 2 });
    const answer = await read(server, `r/messages?epoch=${after.epoch}&offset=1&limit=2`);
    expect(answer.body).toEqual(trimmed);
    expect(answer.body).toMatchObject({ reason: 'trimmed', more: true });
    expect(offsetsOf(answer.body.messages)).toEqual([4, 5]);
  });

  it('is read page by page', async () => {
    const server = await startServer();
    await publish(await join(server), 'r', range(1, 10));
    const read4 = (query: string): Promise<Answer> => read(server, `r/messages?limit=4${query}`);
    const { body: first } = await read4('');
    const { body: second } = await read4(`&epoch=${first.epoch}&offset=4`);
    const { body: last } = await read4(`&epoch=${first.epoch}&offset=8`);
    expect([first, second, last].flatMap(({ messages }) => offsetsOf(messages))).toEqual(range(1, 10));
    expect([first, second, last].map(({ more }) => more)).toEqual([true, true, false]);
  });

  it('takes the grant to read history', async () => {
    const server = await startServer();
    await publish(await join(server), 'r', [1]);
    expect(await read(server, 'r/messages', grant('history'))).toMatchObject({ status: 200, body: { offset: 1 } });
    expect(await read(server, 'r/messages', grant('join', 'publish', 'presence'))).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN' },
    });
    const anonymous = await request(server.http).get('/api/rooms/r/messages');
    expect(anonymous).toMatchObject({ status: 401, body: { code: 'TOKEN_MISSING' } });
  });

  it.each(PLATFORMS)('reads rooms of any name on %s', async (_platform, start) => {
    const server = await start();
    // The longest names grow threefold and ninefold in a path.
    for (const room of ['a/b?c=d#e%f ü', 'a%2Fmessages', '/'.repeat(200), '語'.repeat(200)]) {
      await publish(await join(server), room, ['x']);
      const { body } = await read(server, `${encodeURIComponent(room)}/messages`);
      expect(body).toMatchObject({ room, messages: [{ room, data: 'x' }] });
    }
  });

  it.each([
    ['r/messages?limit=0', 'limit'],
    ['r/messages?limit=1001', 'limit'],
    ['r/messages?limit=many', 'limit'],
    ['r/messages?epoch=e&offset=-1', 'offset'],
    ['r/messages?epoch=e&offset=1.5', 'offset'],
    [`r/messages?epoch=${'e'.repeat(65)}`, 'epoch'],
    ['r/messages?after=1', 'after'],
    ['%40nobody/messages', 'room'],
  ])('refuses %s and says why', async (target, field) => {
    const answer = await read(await startServer(), target);
    expect(answer).toMatchObject({ status: 400, body: { details: { field } } });
  });
});

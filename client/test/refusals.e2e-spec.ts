import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

import { eventually } from '../../test/support/eventually.js';
import { startServer, tokenFor } from '../../test/support/server.js';
import { cleanUp } from '../../test/support/teardown.js';
import { rookery, statesOf } from './support/rookery.js';

interface Refuser {
  readonly ws: string;
  readonly asked: () => number;
}

/** Answers every upgrade, and counts them. */
async function refuse(answer: (socket: Socket) => void): Promise<Refuser> {
  let asked = 0;
  const server = createServer();
  server.on('upgrade', (_request, socket) => {
    asked += 1;
    cleanUp(() => socket.destroy());
    answer(socket as Socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp(() => server.close());
  return { ws: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`, asked: () => asked };
}

/** The same with a status, headers and a body. */
const refuseWith = (status: number, headers: readonly string[] = [], body = ''): Promise<Refuser> =>
  refuse((socket) => {
    const head = [`HTTP/1.1 ${status} No`, `Content-Length: ${body.length}`, 'Connection: close', ...headers];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  });

describe('A refusal of the upgrade', () => {
  it.each([400, 401, 403, 404, 410, 426, 431])('with %d is final: no attempt follows', async (status) => {
    const refusing = await refuseWith(status);
    const client = rookery(refusing);
    const changes = statesOf(client);
    await expect(client.connect()).rejects.toMatchObject({ code: 'CLOSED', retryable: false, details: { status } });
    expect(refusing.asked()).toBe(1);
    expect(changes.at(-1)).toMatchObject({ state: 'closed', status });
  });

  it('with 431 is final for a client with a token function as well, which is not asked again', async () => {
    const refusing = await refuseWith(431);
    let asked = 0;
    const token = (): string => `token ${(asked += 1)}`.replace(' ', '');
    await expect(rookery(refusing, { token }).connect()).rejects.toMatchObject({ details: { status: 431 } });
    expect([asked, refusing.asked()]).toEqual([1, 1]);
  });

  it('with 503 is waited out for as long as it says', async () => {
    const client = rookery(await refuseWith(503, ['Retry-After: 7']));
    const changes = statesOf(client);
    await eventually(
      () => changes,
      (list) => list.some(({ retryInMs }) => retryInMs !== undefined),
    );
    expect(changes.at(-1)).toMatchObject({ state: 'connecting', status: 503, retryInMs: 7000 });
  });

  it('brings the server’s code and message and the status into the error and the state', async () => {
    const server = await startServer();
    const client = rookery(server, { token: tokenFor({}, 'the secret of another server, long enough') });
    const changes = statesOf(client);
    const refusal = {
      code: 'TOKEN_INVALID',
      message: expect.any(String),
      retryable: false,
      details: { status: 401 },
    };
    const error: unknown = await client.connect().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'CLOSED', details: { status: 401 }, cause: refusal });
    const { message } = (error as { cause: Error }).cause;
    expect(message).not.toBe('');
    expect((error as Error).message).toBe(`Closed: ${message}`);
    expect(changes.at(-1)).toMatchObject({ state: 'closed', status: 401, reason: message, cause: refusal });
  });

  it('for a token that is too large says so, and the token is not sent again', async () => {
    const server = await startServer();
    let asked = 0;
    const token = (): string => 'x'.repeat(100_000 * (asked += 1));
    const client = rookery(server, { token });
    await expect(client.connect()).rejects.toMatchObject({
      code: 'CLOSED',
      details: { status: 431 },
      cause: { code: 'HEADERS_TOO_LARGE' },
    });
    expect(asked).toBe(1);
  });

  it('that passes brings its code and message into the state, too', async () => {
    const client = rookery(await refuseWith(503, [], '{"code":"FULL","message":"The server is full"}'));
    const changes = statesOf(client);
    await eventually(
      () => changes,
      (list) => list.some(({ retryInMs }) => retryInMs !== undefined),
    );
    expect(changes.at(-1)).toMatchObject({
      status: 503,
      reason: 'The server is full',
      cause: { code: 'FULL', details: { status: 503 } },
    });
  });

  it.each([
    ['no JSON', '<html>No</html>'],
    ['JSON of somebody else', '{"error":"no"}'],
    ['no object', 'null'],
    ['too much', `{"code":"X","message":"${'x'.repeat(100_000)}"}`],
  ])('with a body that is %s counts by its status alone', async (_what, body) => {
    const error: unknown = await rookery(await refuseWith(403, [], body))
      .connect()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'CLOSED', message: 'Closed: refused', details: { status: 403 } });
    expect((error as Error).cause).toBeUndefined();
  });

  it('whose body never ends counts all the same', async () => {
    const endless = await refuse((socket) => socket.write('HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\n{'));
    const client = rookery(endless, { connectTimeoutMs: 0 });
    await expect(client.connect()).rejects.toMatchObject({ code: 'CLOSED', details: { status: 403 } });
    expect(endless.asked()).toBe(1);
  });
});

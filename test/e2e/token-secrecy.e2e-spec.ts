import { connect, join, RefusedError, type ConnectOptions } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { startProcess } from '../support/process.js';
import { SECRET, tokenFor, type TestServer } from '../support/server.js';
import { ticketFor } from '../support/tickets.js';

const METRICS_TOKEN = 'a-token-of-the-metrics';

/** Each way to bring a token to an upgrade. */
const WAYS: readonly ((token: string) => ConnectOptions)[] = [
  (token) => ({ token }),
  (token) => ({ token: null, headers: { authorization: `Bearer ${token}` } }),
  (token) => ({ token: null, protocols: [`bearer.${token}`, 'rookery.v1.json'] }),
];

/** Tokens that differ in all their parts, good ones and bad ones. */
function makeTokens(): { good: string[]; bad: string[] } {
  let serial = 0;
  const token = (claims: object, secret = SECRET): string =>
    tokenFor({ serial: (serial += 1), scope: 'admin', ...claims }, secret);
  return {
    good: [token({}), token({}), token({}), token({}), token({})],
    bad: [
      token({ exp: 1 }),
      token({}, 'another secret of thirty-two characters and more'),
      `${token({})}x`,
      'not-a-token-at-all',
    ],
  };
}

describe('a token', () => {
  it('is in no log line, metric, error or answer', async () => {
    const child = startProcess({ NODE_ENV: 'production', LOG_LEVEL: 'trace', JWT_SECRET: SECRET, METRICS_TOKEN });
    const port = await child.port();
    const http = `http://127.0.0.1:${port}`;
    const server = { port, http, ws: `ws://127.0.0.1:${port}/ws` } as TestServer;
    const { good, bad } = makeTokens();
    const said: string[] = [];
    const [refreshed = '', ...others] = good;

    for (const [index, way] of WAYS.entries()) {
      const client = await connect(server, way(others[index] ?? ''));
      said.push(client.socket.protocol, JSON.stringify(await client.next('connected')));
      for (const token of bad) {
        const error: unknown = await connect(server, way(token)).catch((refusal: unknown) => refusal);
        if (error instanceof RefusedError) said.push(JSON.stringify([error.headers, error.body]));
      }
    }
    const client = await join(server, { token: others[3] ?? '' });
    for (const token of [refreshed, ...bad]) said.push(JSON.stringify(await client.request('auth:refresh', { token })));
    said.push(JSON.stringify(await client.request('join', { room: 'x', token: refreshed })));
    for (const token of [...good, ...bad]) {
      for (const path of ['/api/rooms', '/nowhere', '/ws', '/docs', '/metrics']) {
        const response = await fetch(`${http}${path}?token=${token}`, {
          headers: { authorization: `Bearer ${token}` },
        });
        said.push(JSON.stringify([...response.headers]), await response.text());
      }
    }
    const metrics = await fetch(`${http}/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } });
    said.push(await metrics.text());

    const tickets = [await ticketFor(server, good[0] ?? ''), await ticketFor(server, good[1] ?? '')];
    for (const [index, way] of WAYS.entries()) {
      // The first time it is good, the second time it is not.
      const ticket = tickets[index % tickets.length] ?? '';
      const outcome: unknown = await connect(server, way(ticket)).catch((refusal: unknown) => refusal);
      if (outcome instanceof RefusedError) said.push(JSON.stringify([outcome.headers, outcome.body]));
    }
    said.push(JSON.stringify(await client.request('auth:refresh', { token: tickets[0] })));

    // The last request has been logged, and so has all before it.
    await fetch(`${http}/the-last-one`);
    await eventually(child.output, (output) => output.includes('the-last-one'));
    const everything = [child.output(), ...said].join('\n');
    const secrets = [SECRET, METRICS_TOKEN, ...good, ...bad, ...tickets].flatMap(partsOf);
    expect(secrets.filter((secret) => everything.includes(secret))).toEqual([]);
  });
});

/** A part of a token that says nothing of it but its header does no harm. */
function partsOf(token: string): string[] {
  const [, ...parts] = token.split('.');
  return [token, ...parts.filter((part) => part.length > 10)];
}

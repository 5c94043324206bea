import { PLATFORMS } from '../support/platforms.js';
import { exchange } from '../support/raw-socket.js';
import { startServer, tokenFor, type TestServer } from '../support/server.js';

const METRICS_TOKEN = 'a-token-for-the-metrics';

const GUARDED = [
  '/api/rooms',
  '/api/rooms/general',
  '/api/rooms/general/members',
  '/api/rooms/general/messages',
  '/api/connections',
  '/api/connections/x',
];

/** Paths as they stand and as somebody would write them to get around a guard. */
function variants(path: string): string[] {
  const last = path.lastIndexOf('/');
  return [
    path,
    `${path}/`,
    `${path}//`,
    `/${path}`,
    `${path.slice(0, last)}/${path.slice(last)}`,
    `${path.slice(0, last)}%2f${path.slice(last + 1)}`,
    `${path.slice(0, last)}/.${path.slice(last)}`,
    `${path.slice(0, last)}/x/..${path.slice(last)}`,
    path.toUpperCase(),
    `${path}?`,
    `${path}%00`,
    `${path}%20`,
    `${path};x=y`,
    `http://127.0.0.1${path}`,
  ];
}

/** The status of a request whose path no client library has put in order. */
async function statusOf(server: TestServer, method: string, target: string, token?: string): Promise<number> {
  const authorization = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`;
  const text = `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${authorization}\r\n`;
  return (await exchange(server, text)).status;
}

describe.each(PLATFORMS)('REST on %s', (_platform, start) => {
  it('is guarded at every path, however it is written', async () => {
    const server = await start();
    const little = tokenFor({ rooms: [] });
    const open: unknown[] = [];
    for (const path of GUARDED) {
      for (const target of variants(path)) {
        for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS']) {
          const withNothing = await statusOf(server, method, target);
          const withLittle = await statusOf(server, method, target, little);

          if (![400, 401, 404].includes(withNothing)) open.push({ target, method, withNothing });
          if (![400, 403, 404].includes(withLittle)) open.push({ target, method, withLittle });
        }
      }
      expect(await statusOf(server, 'GET', path)).toBe(401);
      expect(await statusOf(server, 'GET', path, little)).toBe(403);
    }
    expect(open).toEqual([]);
  });

  it.each(['/api/broadcast', '/api/rooms/general/messages', '/api/users/bob/messages'])(
    'takes no POST at %s without the grant, however it is written',
    async (path) => {
      const server = await start();
      for (const target of variants(path)) {
        expect([400, 401, 404]).toContain(await statusOf(server, 'POST', target));
        expect([400, 403, 404]).toContain(await statusOf(server, 'POST', target, tokenFor({ rooms: [] })));
      }
      expect(await statusOf(server, 'POST', path)).toBe(401);
    },
  );

  it('takes tokens from the header only: in an address they would end up in logs', async () => {
    const server = await start();
    const token = tokenFor({ scope: 'admin' });

    expect(await statusOf(server, 'GET', `/api/rooms?token=${token}`)).toBe(401);
    expect(await statusOf(server, 'GET', '/api/rooms', token)).toBe(200);
  });
});

describe.each(PLATFORMS)('metrics in production on %s', (_platform, start) => {
  it('are closed without a token of their own', async () => {
    const server = await start({ nodeEnv: 'production' });
    for (const target of variants('/metrics')) {
      for (const method of ['GET', 'HEAD']) expect([400, 403, 404]).toContain(await statusOf(server, method, target));
    }
    expect(await statusOf(server, 'GET', '/metrics', tokenFor({ scope: 'admin' }))).toBe(403);
  });

  it('are open to that token only', async () => {
    const server = await start({ nodeEnv: 'production', metricsToken: METRICS_TOKEN });

    expect(await statusOf(server, 'GET', '/metrics', METRICS_TOKEN)).toBe(200);
    expect(await statusOf(server, 'GET', '/metrics', METRICS_TOKEN.slice(0, -1))).toBe(403);
    expect(await statusOf(server, 'GET', '/metrics')).toBe(403);
  });
});

describe('documentation', () => {
  it.each(['/docs', '/docs/', '/docs-json', '/docs-yaml', '/docs/index.html', '//docs', '/DOCS'])(
    'is off in production: %s',
    async (target) => {
      const server = await startServer({ nodeEnv: 'production' });

      expect(await statusOf(server, 'GET', target)).toBe(404);
    },
  );

  it('is there in development, and in production where it is asked for', async () => {
    const development = await startServer({ nodeEnv: 'development' });
    const asked = await startServer({ nodeEnv: 'production', docs: true });

    expect(await statusOf(development, 'GET', '/docs')).toBe(200);
    expect(await statusOf(asked, 'GET', '/docs-json')).toBe(200);
  });
});

import type { IncomingMessage } from 'node:http';

import request, { type Response } from 'supertest';

import { isLocal } from '../../src/chat-door.js';
import { SECRET, startServer, startServerWithoutKey, type TestServer } from '../support/server.js';

/** What a browser says when its user follows a link of the page. */
const CLICK = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
const JWT = /eyJ[\w-]+\.[\w-]+/;
const USERS = ['alice', 'bob'];

type Headers = Readonly<Record<string, string>>;

const get = (server: TestServer, path = '/', headers: Headers = {}): Promise<Response> =>
  Promise.resolve(request(server.http).get(path).set(headers));

/** Where the links of a page lead to, by their texts. */
function linksOf({ text }: Response): Record<string, string> {
  const links = text.matchAll(/<a href="([^"]+)"[^>]*>([^<]+)<\/a>/g);
  return Object.fromEntries([...links].map(([, href = '', name = '']) => [name, href.replaceAll('&#38;', '&')]));
}

/** The claims of the token in the fragment of an address. */
function claimsIn(address = ''): Record<string, unknown> {
  const token = new URLSearchParams(address.split('#')[1]).get('token') ?? '';
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
}

/** Whatever a request could come with that its sender chooses. */
function textOf({ text, headers }: Response): string {
  return JSON.stringify([text, headers]);
}

describe('the start page', () => {
  it('says what runs, and links to the chat as alice and as bob, the documentation, health and metrics', async () => {
    const server = await startServerWithoutKey();
    const page = await get(server);
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    expect(page.text).toMatch(/Rookery is .*running[^]*Version \d+\.\d+\.\d+/);
    expect(linksOf(page)).toStrictEqual({
      'Chat as alice': '/chat/as/alice',
      'Chat as bob': '/chat/as/bob',
      'REST documentation': '/docs',
      Health: '/health/ready',
      Metrics: '/metrics',
    });
    for (const path of Object.values(linksOf(page)))
      expect([200, 301, 303]).toContain((await get(server, path)).status);
  });

  it('is a JSON 404 in production', async () => {
    const server = await startServer({ nodeEnv: 'production', exampleChat: true });
    const page = await get(server);
    expect(page.status).toBe(404);
    expect(page.body).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('leaves a plain request to the endpoint its 426 where the endpoint is /', async () => {
    const server = await startServerWithoutKey({ wsPath: '/' });
    const page = await get(server);
    expect(page.status).toBe(426);
    expect(page.body).toMatchObject({ code: 'UPGRADE_REQUIRED' });
  });

  it('links to nothing that is switched off or closed', async () => {
    const off = { docs: false, exampleChat: false, metricsToken: 'a-token-of-the-metrics' };
    expect(linksOf(await get(await startServerWithoutKey(off)))).toStrictEqual({ Health: '/health/ready' });
  });

  it('names the users without a token where the server believes everybody', async () => {
    const page = await get(await startServer({ auth: 'none', wsPath: '/socket' }));
    expect(linksOf(page)).toMatchObject({ 'Chat as bob': '/chat/#user=bob&path=%2Fsocket' });
    expect(page.text).toContain('#user=bob&#38;path');
  });

  it('holds no token, runs no script, and lets no other site embed or keep it', async () => {
    const server = await startServerWithoutKey();
    const page = await get(server, '/', { ...CLICK, origin: 'https://evil.example' });
    expect(textOf(page)).not.toMatch(JWT);
    expect(page.text).not.toMatch(/<script|\son\w+=/);
    expect(page.headers).toMatchObject({ 'cache-control': 'no-store', 'cross-origin-resource-policy': 'same-origin' });
    expect(page.headers['access-control-allow-origin']).toBeUndefined();
    const policy = page.headers['content-security-policy']?.split(';');
    expect(policy).toEqual(expect.arrayContaining(["default-src 'none'", "frame-ancestors 'none'"]));
  });

  it.each<[string, Headers]>([
    ['a name that points at this machine', { host: 'evil.example' }],
    ['a proxy', { 'x-forwarded-for': '203.0.113.7' }],
  ])('points to the printed addresses when asked through %s', async (_what, headers) => {
    const page = await get(await startServerWithoutKey(), '/', headers);
    expect(Object.keys(linksOf(page))).toStrictEqual(['REST documentation', 'Health', 'Metrics']);
    expect(page.text).toContain('the chat addresses that the server printed');
  });

  it('points to the printed addresses where a key was set, under which a token may be good elsewhere', async () => {
    const server = await startServer();
    const page = await get(server);
    expect(page.text).toContain('the chat addresses that the server printed');
    for (const user of USERS) expect((await get(server, `/chat/as/${user}`, CLICK)).status).toBe(404);
  });
});

describe('the start page where tokens are made elsewhere', () => {
  it('says that the chat and clients need a token of the issuer', async () => {
    const page = await get(await startServer({ jwksUrl: 'https://issuer.example/keys' }));
    expect(page.text).toContain('with a token of your issuer behind it');
    expect(page.text).not.toMatch(/npm run token|addresses that the server printed/);
  });
});

describe('the link to the chat', () => {
  it.each(USERS)('leads %s to the chat, with a token for its room alone', async (user) => {
    const answer = await get(await startServerWithoutKey(), `/chat/as/${user}`, CLICK);
    expect(answer.status).toBe(303);
    expect(answer.headers['location']).toMatch(/^\/chat\/#token=/);
    expect(claimsIn(answer.headers['location'])).toMatchObject({ sub: user, rooms: ['chat'] });
    expect(claimsIn(answer.headers['location'])).not.toHaveProperty('scope');
    expect(answer.text).toBe('');
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
    });
  });

  it('serves who types it in, and tells the chat which path is the endpoint', async () => {
    const server = await startServerWithoutKey({ wsPath: '/socket' });
    const answer = await get(server, '/chat/as/bob', { ...CLICK, 'sec-fetch-site': 'none', host: 'localhost:80' });
    expect(answer.headers['location']).toMatch(/^\/chat\/#token=[\w.-]+&path=%2Fsocket$/);
  });

  it.each<[string, Headers]>([
    ['a page of another site', { 'sec-fetch-site': 'cross-site' }],
    ['a page of another port', { 'sec-fetch-site': 'same-site' }],
    ['a script', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
    ['a script that asks for nothing back', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'empty' }],
    ['a frame', { 'sec-fetch-dest': 'iframe' }],
    ['no browser', { 'sec-fetch-site': '', 'sec-fetch-mode': '', 'sec-fetch-dest': '' }],
    ['a name that points at this machine', { host: 'evil.example' }],
    ['a name that begins like this machine', { host: '127.0.0.1.evil.example:3000' }],
    ['a name that ends like this machine', { host: 'evil.localhost' }],
    ['the address that stands for all', { host: '0.0.0.0:3000' }],
    ['another address', { host: '192.168.1.5:3000' }],
    ['a proxy', { 'x-forwarded-for': '203.0.113.7' }],
    ['a tunnel', { 'x-forwarded-host': 'tunnel.example' }],
    ['a proxy of the standard', { forwarded: 'for=203.0.113.7' }],
  ])('leads %s to the chat without a token', async (_what, headers) => {
    const answer = await get(await startServerWithoutKey(), '/chat/as/alice', { ...CLICK, ...headers });
    expect(answer.status).toBe(303);
    expect(answer.headers['location']).toBe('/chat/');
    expect(textOf(answer)).not.toMatch(JWT);
  });

  it.each(['carol', 'admin', 'alice%2Fx', ''])('is there for nobody else: %s', async (user) => {
    expect((await get(await startServerWithoutKey(), `/chat/as/${user}`, CLICK)).status).toBe(404);
  });

  it.each([
    ['in production', { nodeEnv: 'production' as const, exampleChat: true, jwtSecret: SECRET }],
    ['where tokens are made elsewhere', { jwksUrl: 'https://issuer.example/keys' }],
    ['where the example is switched off', { exampleChat: false }],
  ])('is not there %s', async (_where, options) => {
    const server = await startServerWithoutKey(options);
    const answer = await get(server, '/chat/as/alice', CLICK);
    expect(answer.status).toBe(404);
    expect(textOf(answer)).not.toMatch(JWT);
  });
});

const from = (remoteAddress: string | undefined, host: string | undefined): boolean =>
  isLocal({ socket: { remoteAddress }, headers: { host } } as IncomingMessage);

describe('a request of this machine', () => {
  it.each(['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])('comes from %s', (address) => {
    for (const host of ['localhost', 'LOCALHOST:3000', '127.0.0.1:3000', '[::1]:3000']) {
      expect(from(address, host)).toBe(true);
    }
  });

  it.each(['192.168.1.5', '10.0.0.1', 'fe80::1', '::ffff:192.168.1.5', '', undefined])(
    'does not come from %s, whatever it names',
    (address) => {
      expect(from(address, 'localhost:3000')).toBe(false);
    },
  );

  it.each([undefined, '', 'localhost.', 'localhost:', 'localhost@evil.example', '127.0.0.1 evil', '2130706433'])(
    'does not name %s',
    (host) => {
      expect(from('127.0.0.1', host)).toBe(false);
    },
  );
});

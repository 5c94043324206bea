import { jest } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';

import { printAddresses } from '../../src/addresses.js';
import { startServer, tokenFor, type TestServer } from '../support/server.js';

const FILES = ['', 'chat.js', 'chat.css', 'rookery-client.min.js'];

const get = (server: TestServer, file = ''): Promise<Response> => fetch(`${server.http}/chat/${file}`);

/** What the server prints about the example: a name and an address a line. */
function linesOf(server: TestServer<NestExpressApplication>): string[][] {
  const write = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
  printAddresses(server.app);
  const printed = write.mock.calls.map(([text]) => String(text)).join('');
  write.mockRestore();
  return [...printed.matchAll(/^ {2}(Chat(?: as \w+)?) +(\S+)$/gm)].map(([, name = '', address = '']) => [
    name,
    address,
  ]);
}

const addressesOf = (server: TestServer<NestExpressApplication>): string[] =>
  linesOf(server).map(([, address = '']) => address);

const fragmentOf = (address = ''): URLSearchParams => new URLSearchParams(new URL(address).hash.slice(1));

describe('the example chat', () => {
  it.each(FILES)('is served in development: /chat/%s', async (file) => {
    const server = await startServer({ nodeEnv: 'development' });
    expect((await get(server, file)).status).toBe(200);
  });

  it.each(FILES)('is not served in production: /chat/%s', async (file) => {
    const server = await startServer({ nodeEnv: 'production' });
    expect((await get(server, file)).status).toBe(404);
  });

  it('is served in production where a setting says so, and not in development where it says otherwise', async () => {
    const production = await startServer({ nodeEnv: 'production', exampleChat: true });
    expect((await get(production)).status).toBe(200);
    const development = await startServer({ nodeEnv: 'development', exampleChat: false });
    expect((await get(development)).status).toBe(404);
    expect(addressesOf(development)).toStrictEqual([]);
  });

  it('gives a page nothing but this server, and nobody a frame around it', async () => {
    const server = await startServer();
    const policy = (await get(server)).headers.get('content-security-policy')?.split(';');
    expect(policy).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
      ]),
    );
    // Browsers that follow it would turn ws:// into wss://, which nobody serves in development.
    expect(policy).not.toContain('upgrade-insecure-requests');
  });

  it('holds no token, whatever is asked', async () => {
    const server = await startServer();
    for (const file of FILES) {
      const response = await fetch(`${server.http}/chat/${file}`, {
        headers: { authorization: `Bearer ${tokenFor()}`, origin: server.http },
      });
      expect(await response.text()).not.toMatch(/eyJ[\w-]+\.[\w-]+/);
      expect(response.headers.get('set-cookie')).toBeNull();
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it.each(['../package.json', '..%2fpackage.json', '%2e%2e/index.ts', '.types.tsbuildinfo', '..%5cpackage.json'])(
    'serves nothing but its own files: /chat/%s',
    async (path) => {
      const server = await startServer();
      expect((await get(server, path)).status).toBe(404);
    },
  );

  it('is printed for two users, with a token after the # that no server gets to see', async () => {
    const server = await startServer();
    const addresses = addressesOf(server);
    expect(linesOf(server).map(([name]) => name)).toStrictEqual(['Chat as alice', 'Chat as bob']);
    expect(addresses.map((address) => address.split('#')[0])).toStrictEqual(Array(2).fill(`${server.http}/chat/`));
    const users = addresses.map((address) => {
      const [, claims = ''] = fragmentOf(address).get('token')?.split('.') ?? [];
      return (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { sub: string }).sub;
    });
    expect(users).toStrictEqual(['alice', 'bob']);
  });

  it('is printed with users where the server believes everybody, and with the path where it is another one', async () => {
    const server = await startServer({ auth: 'none', wsPath: '/socket' });
    const fragments = addressesOf(server).map((address) => Object.fromEntries(fragmentOf(address)));
    expect(fragments).toStrictEqual(['alice', 'bob'].map((user) => ({ user, path: '/socket' })));
  });

  it('is printed without a token where tokens are made elsewhere', async () => {
    const server = await startServer({ jwksUrl: 'https://issuer.example/keys' });
    expect(linesOf(server)).toStrictEqual([['Chat', `${server.http}/chat/`]]);
  });
});

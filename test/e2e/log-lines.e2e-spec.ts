import { join } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { startProcess } from '../support/process.js';
import { exchange, handshake } from '../support/raw-socket.js';
import { SECRET, type TestServer } from '../support/server.js';

/** Line ends and what drives a terminal, as bytes on the wire and as a log must not hold them. */
const EVIL = ['\r\n', '\u001b[2J', '\u0085', '\u2028', '\u2029', '\u009b31m'];
// oxlint-disable-next-line no-control-regex -- finding control characters is what it is for
const UNPRINTABLE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/;

describe('what a client sends', () => {
  it('never makes more than one line of a log, nor one that is not JSON', async () => {
    const child = startProcess({
      NODE_ENV: 'production',
      LOG_LEVEL: 'trace',
      JWT_SECRET: SECRET,
      DEFAULT_GRANTS: '*',
      // A machine may have few file descriptors, which is a warning.
      MAX_CONNECTIONS: '100',
    });
    const port = await child.port();
    const server = { port, http: `http://127.0.0.1:${port}`, ws: `ws://127.0.0.1:${port}/ws` } as TestServer;
    const targets = EVIL.flatMap((evil) => [
      `/api/rooms/${encodeURIComponent(evil)}FORGED`,
      `/api/${Buffer.from(evil)
        .toString('latin1')
        .replaceAll(/[\r\n]/g, '')}FORGED`,
      '/api/rooms/%E0%A4%A/FORGED',
    ]);
    for (const target of targets) {
      await exchange(
        server,
        `GET ${target} HTTP/1.1\r\nHost: x\r\nUser-Agent: FORGED\u001b[2J\r\nConnection: close\r\n\r\n`,
      );
      await exchange(server, handshake({ target, headers: { Origin: 'FORGED\u001b[2J' } }));
    }
    const client = await join(server);
    for (const evil of EVIL) {
      const text = `${evil}FORGED`;
      client.sendRaw(text);
      await client.request(text, text);
      await client.request('join', text);
      await client.request('room:message', { room: 'general', data: text, id: text });
      await client.request('auth:refresh', { token: text });
    }
    await fetch(`${server.http}/the-last-one`);
    const output = await eventually(child.output, (text) => text.includes('the-last-one'));

    const lines = output.trimEnd().split('\n');
    for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
    expect(lines.filter((line) => UNPRINTABLE.test(line))).toEqual([]);
    // The process was there all the time, and nothing that a client can do is an error of the server.
    const levels = lines.map((line) => (JSON.parse(line) as { level: number }).level);
    expect(Math.max(...levels)).toBeLessThan(40);
    expect(output).not.toContain('secret');
  });
});

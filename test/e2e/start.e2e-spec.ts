import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

import { eventually } from '../support/eventually.js';
import { startProcess } from '../support/process.js';
import { startServer } from '../support/server.js';
import { cleanUp } from '../support/teardown.js';

describe('the stand-alone server', () => {
  // With Redis: its connection must not keep alive a process that serves nothing.
  it.each(['1', '2'])('ends, and says in a sentence that its port is taken, with WORKERS=%s', async (workers) => {
    const { port } = await startServer();
    const server = startProcess({ PORT: String(port), WORKERS: workers, REDIS_URL: 'redis://127.0.0.1:9' });
    await server.exited;

    expect(server.exitCode()).toBe(1);
    await eventually(server.output, (output) => output.includes('PORT: another program listens there'));
    expect(server.output()).not.toMatch(/\n\s+at /);
  });

  it('ends, and says in a sentence that its machine does not have the address', async () => {
    const server = startProcess({ HOST: '203.0.113.9' });
    await server.exited;

    expect(server.exitCode()).toBe(1);
    await eventually(server.output, (output) => output.includes('HOST: this machine does not have that address'));
    expect(server.output()).not.toMatch(/\n\s+at /);
  });
});

describe('the stand-alone server while it accepts nothing', () => {
  /** More than wait by Node's default, where the system lets them. */
  const WAITING = Math.min(1000, Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8')));

  it('has the clients of a lost node wait rather than fail to connect', async () => {
    const server = startProcess({});
    const port = await server.port();
    server.kill('SIGSTOP');
    let connected = 0;
    for (let n = 0; n < WAITING; n += 1) {
      const socket = connect(port, '127.0.0.1', () => (connected += 1)).on('error', () => undefined);
      cleanUp(() => socket.destroy());
    }
    await eventually(
      () => connected,
      (count) => count === WAITING,
    );
  });
});

describe('the stand-alone server in production', () => {
  it('refuses to start without a key, and says which setting is missing', async () => {
    const server = startProcess({ NODE_ENV: 'production' });
    await server.exited;

    expect(server.exitCode()).toBe(1);
    await eventually(server.output, (output) => output.includes('JWT_SECRET'));
    expect(server.output()).not.toMatch(/Listening|\n\s+at /);
  });

  it('never repeats a secret that it does not take', async () => {
    const server = startProcess({ NODE_ENV: 'production', JWT_SECRET: 'far-too-short' });
    await server.exited;

    expect(server.exitCode()).toBe(1);
    await eventually(server.output, (output) => output.includes('JWT_SECRET'));
    expect(server.output()).not.toContain('far-too-short');
  });
});

import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

import { createRedisClient, closeRedisClient, streamOf } from '../../../src/broker/redis/redis-client.js';
import { SentinelWatch } from '../../../src/broker/redis/sentinel-watch.js';
import { resolveOptions } from '../../../src/config/resolve-options.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis.js';
import { cleanUp } from '../../support/teardown.js';

/** Starts a sentinel that names a server on this machine as the master. */
async function startSentinel(master: () => number): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      for (const command of String(data).split(/(?=\*\d+\r\n)/)) socket.write(replyTo(command.toLowerCase()));
    });
  });
  const replyTo = (command: string): string => {
    if (command.includes('get-master-addr-by-name')) {
      const port = String(master());
      return `*2\r\n$9\r\n127.0.0.1\r\n$${port.length}\r\n${port}\r\n`;
    }
    if (command.includes('sentinels')) return '*0\r\n';
    return '+OK\r\n';
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('SentinelWatch', () => {
  it('reports a connection only after the sentinels have confirmed it, and leaves one to an old master', async () => {
    const [old, current] = [await startRedis(), await startRedis()];
    let master = old.port;
    const sentinel = await startSentinel(() => master);
    const options = resolveOptions({
      redisUrl: 'redis://unused',
      redisSentinels: [sentinel],
      redisSentinelName: 'main',
      redisTimeoutMs: 1000,
    });
    const client = createRedisClient(options, 'test');
    client.on('error', () => undefined);
    // The master changes while the client connects.
    client.once('ready', () => (master = current.port));
    const watch = new SentinelWatch(options, [client]);
    cleanUp(() => {
      watch.stop();
      closeRedisClient(client);
    });
    const readyAt: unknown[] = [];
    const reportedAt: unknown[] = [];
    const confirmedAt: boolean[] = [];
    client.on('ready', () => {
      readyAt.push(streamOf(client)?.remotePort);
      confirmedAt.push(watch.isConfirmed(client));
    });
    watch.onConnected(client, () => reportedAt.push(streamOf(client)?.remotePort));
    await client.connect();
    await eventually(
      () => reportedAt.length,
      (count) => count > 0,
    );
    expect(readyAt).toEqual([old.port, current.port]);
    expect(confirmedAt).toEqual([false, false]);
    expect(reportedAt).toEqual([current.port]);
    expect(watch.isConfirmed(client)).toBe(true);
  });
});

import { connect, connectAgain } from '../support/client.js';
import { startNodes } from '../support/cluster.js';
import { startRedis } from '../support/redis.js';
import { tokenFor } from '../support/server.js';
import { askForTicket, ticketFor } from '../support/tickets.js';

const REFUSED = { status: 401, body: { code: 'TOKEN_INVALID' } };

describe('a ticket of one of several nodes', () => {
  it('is good at any of them, once, however many use it at the same time', async () => {
    const redis = await startRedis();
    const [one, two] = await startNodes(redis, 2);
    if (one === undefined || two === undefined) throw new Error('two nodes');
    const ticket = await ticketFor(one);
    expect((await (await connectAgain(two, { token: ticket })).next('connected')).payload.userId).toBe('alice');
    for (const node of [one, two]) await expect(connect(node, { token: ticket })).rejects.toMatchObject(REFUSED);

    const contested = await ticketFor(two);
    const outcomes = await Promise.allSettled([one, two, one, two].map((node) => connect(node, { token: contested })));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('leaves nothing in Redis by which anybody could come in, and that not for long', async () => {
    const redis = await startRedis();
    const [one] = await startNodes(redis, 1);
    if (one === undefined) throw new Error('a node');
    const token = tokenFor();
    const ticket = await ticketFor(one, token);
    const keys = (await redis.command('KEYS', 'rookery:ticket:*')) as string[];
    expect(keys).toHaveLength(1);
    const [key = ''] = keys;
    const kept = `${key} ${String(await redis.command('GET', key))}`;
    for (const part of [ticket.slice(4), ...token.split('.')]) expect(kept).not.toContain(part);
    const ttlMs = Number(await redis.command('PTTL', key));
    expect(ttlMs).toBeGreaterThan(0);
    expect(ttlMs).toBeLessThanOrEqual(30_000);
    await connectAgain(one, { token: ticket });
    expect(await redis.command('EXISTS', key)).toBe(0);
  });

  it('is not to be had, and lets nobody in, while Redis is away', async () => {
    const redis = await startRedis();
    const [one] = await startNodes(redis, 1);
    if (one === undefined) throw new Error('a node');
    const ticket = await ticketFor(one);
    await redis.kill();
    const { status, headers, body } = await askForTicket(one);
    expect([status, headers['retry-after'], body]).toEqual([
      503,
      '2',
      expect.objectContaining({ code: 'UNAVAILABLE' }),
    ]);
    await expect(connect(one, { token: ticket })).rejects.toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
  });
});

import { readFileSync } from 'node:fs';

import type { Position } from '../../src/protocol/position.js';
import { connect, join } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { metric } from '../support/metrics.js';
import { startRedis } from '../support/redis.js';
import { startServer, type TestServer } from '../support/server.js';

const GUIDE = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8');

async function textOf(server: TestServer): Promise<string> {
  return (await fetch(`${server.http}/metrics`)).text();
}

/** The series of a metric by their labels as text, with their values. */
function seriesIn(text: string, name: string): Map<string, number> {
  const lines = text.matchAll(new RegExp(String.raw`^rookery_${name}(\{.*\})? (\S+)$`, 'gm'));
  return new Map(Array.from(lines, ([, labels = '', value]) => [labels, Number(value)]));
}

function seriesNames(text: string): string[] {
  return Array.from(text.matchAll(/^(rookery_\S+) /gm), ([, name = '']) => name);
}

/** The payload of a join that recovers. */
function from(room: string, { epoch, offset }: Position): object {
  return { room, recover: { epoch, offset } };
}

describe('metrics', () => {
  it('have all series from the start, at zero', async () => {
    const server = await startServer({ rooms: [{ pattern: 'chat:*' }] });
    const text = await textOf(server);
    const expected: readonly [string, readonly string[]][] = [
      ['refusals_total', ['{status="401",code="TOKEN_EXPIRED"}', '{status="401",code="TOKEN_WRONG_KEY"}']],
      ['refusals_total', ['{status="401",code="TOKEN_MISSING"}', '{status="503",code="FULL"}']],
      ['closes_total', ['{code="1000"}', '{code="1006"}', '{code="4401"}', '{code="4xxx"}']],
      ['errors_total', ['{code="FORBIDDEN"}', '{code="APPLICATION"}']],
      ['call_errors_total', ['{code="FORBIDDEN"}']],
      ['cuts_total', ['{reason="silent"}']],
      ['drops_total', ['{reason="gap"}']],
      ['published_total', ['{source="rest"}']],
      ['recoveries_total', ['{result="complete",reason="",rule="chat:*"}']],
      ['recoveries_total', ['{result="lost",reason="trimmed",rule="default"}']],
      ['publish_seconds_count', ['']],
      ['redis_round_trip_seconds_count', ['']],
    ];
    for (const [name, labels] of expected) {
      const series = seriesIn(text, name);
      for (const label of labels) expect(series.get(label)).toBe(0);
      expect([...series.values()].filter((value) => value !== 0)).toEqual([]);
    }
  });

  it('have no series more after anything that clients do', async () => {
    const server = await startServer({ rateLimit: 0, maxOffences: 0 });
    const before = seriesNames(await textOf(server));
    const alice = await join(server, {}, 'general');
    await alice.request('nonsense');
    await alice.request('join', { room: 'general', recover: { epoch: 'no-such', offset: 5 } });
    await alice.request('room:message', { room: 'general', data: 1 });
    for (const code of [1000, 3001, 4999]) await (await join(server)).close(code);
    for (const token of ['bad', null]) await expect(connect(server, { token })).rejects.toThrow('refused');
    await fetch(`${server.http}/api/rooms`);
    expect(seriesNames(await textOf(server))).toEqual(before);
  });

  it('are all in the guide, and the guide has no others', async () => {
    const server = await startServer();
    const types = (await textOf(server)).matchAll(/^# TYPE (rookery_\S+) /gm);
    // There are workers only with several processes.
    const served = new Set(['rookery_workers_silent', ...Array.from(types, ([, name = '']) => name)]);
    const told = Array.from(GUIDE.matchAll(/\brookery_\w+/g), ([name]) => name.replace(/_bucket$/, ''));
    expect(new Set(told)).toEqual(served);
  });

  it('count recoveries by what came of them, why something was lost, and the rule of the room', async () => {
    const server = await startServer({ rooms: [{ pattern: 'short:*', historySize: 2 }] });
    const alice = await join(server, { claims: { rooms: [{ pattern: '*', can: ['join', 'publish', 'history'] }] } });
    const start = (await alice.request('join', 'short:1')).payload as Position;
    const other = (await alice.request('join', 'long')).payload as Position;
    for (let n = 0; n < 5; n += 1) await alice.request('room:message', { room: 'short:1', data: n });

    const bob = await join(server);
    await bob.request('join', from('short:1', { ...start, offset: 4 }));
    await bob.request('join', from('long', other));
    await bob.request('join', from('elsewhere', { epoch: 'no-such', offset: 3 }));
    const carol = await join(server, { claims: { sub: 'carol', rooms: [{ pattern: '*', can: ['join'] }] } });
    await carol.request('join', from('long', other));
    const dora = await join(server, { claims: { sub: 'dora' } });
    await dora.request('join', from('short:1', { ...start, offset: 1 }));

    const counted = [...seriesIn(await textOf(server), 'recoveries_total')].filter(([, count]) => count > 0);
    expect(Object.fromEntries(counted)).toEqual({
      '{result="complete",reason="",rule="short:*"}': 1,
      '{result="complete",reason="",rule="default"}': 1,
      '{result="lost",reason="trimmed",rule="short:*"}': 1,
      '{result="lost",reason="epoch",rule="default"}': 1,
      '{result="lost",reason="forbidden",rule="default"}': 1,
    });
  });

  it('have the latency of each publish, in memory and over Redis, and the round trips to Redis', async () => {
    const redis = await startRedis();
    for (const options of [{}, { redisUrl: redis.url }]) {
      const server = await startServer(options);
      const alice = await join(server, {}, 'general');
      for (let n = 0; n < 7; n += 1) await alice.request('room:message', { room: 'general', data: n });
      alice.send('room:message', { room: 'empty', data: 'without an acknowledgement' });
      await eventually(
        () => metric(server, 'publish_seconds_count'),
        (count) => count === 8,
      );
      expect(await metric(server, 'publish_seconds_sum')).toBeGreaterThan(0);
      expect(await metric(server, 'publish_seconds_bucket{le="+Inf"}')).toBe(8);
      const trips = await metric(server, 'redis_round_trip_seconds_count');
      expect(trips > 0).toBe('redisUrl' in options);
    }
  });
});

import { ConnectionsService } from '../../src/index.js';
import { connect, type TestClient } from '../../test/support/client.js';
import { eventually } from '../../test/support/eventually.js';
import { publish } from '../../test/support/messages.js';
import { startServer, type TestServer } from '../../test/support/server.js';
import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';
import { Balancer } from './support/balancer.js';
import { Stoppable, type StoppableOptions } from './support/stoppable.js';

/** The server gives up soon on who does not answer. */
const IMPATIENT = { heartbeatIntervalMs: 300, heartbeatTimeoutMs: 3000 };
/** So long that only what wakes it can have moved it. */
const HOURS_MS = 3_600_000;

interface Scene {
  readonly server: TestServer;
  readonly balancer: Balancer;
  readonly other: TestClient;
  readonly member: Stoppable;
}

/** A member in a process of its own, behind a balancer, and another one. */
async function play(options: StoppableOptions = {}, settings: RookeryOptionsInput = {}): Promise<Scene> {
  const server = await startServer(settings);
  const balancer = await Balancer.start(() => [server.port]);
  const member = await Stoppable.start(balancer, options);
  const other = await connect(server, { claims: { sub: 'bob' } });
  return { server, balancer, other, member };
}

/** The server has given the member up. */
const givenUp = ({ server }: Scene): Promise<unknown> =>
  eventually(
    () => [...server.app.get(ConnectionsService).all()].map(({ userId }) => userId),
    (users) => !users.includes('alice'),
  );

describe('a process that was stopped', () => {
  it('comes back at once when it goes on, and has everything once and in order', async () => {
    const scene = await play({ client: { liveness: { intervalMs: HOURS_MS } } }, IMPATIENT);
    const { member, other } = scene;
    await publish(other, 'r', [1]);
    await member.sees(1);
    member.stop();
    await publish(other, 'r', [2, 3]);
    await givenUp(scene);
    await publish(other, 'r', [4]);
    member.publish(5);
    member.goOn();
    await member.until((entries) => entries.some(({ accepted }) => accepted === 5));
    await publish(other, 'r', [6]);
    expect(await member.sees(6)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('goes on over the connection it had, where the server still has it', async () => {
    const { member, other } = await play({ client: { liveness: { intervalMs: HOURS_MS } } });
    member.stop();
    await publish(other, 'r', [1, 2]);
    member.goOn();
    member.publish(3);
    expect(await member.sees(3)).toEqual([1, 2, 3]);
    expect(member.entries().flatMap(({ state }) => state ?? [])).toEqual(['connecting', 'connected']);
  });

  it('finds out that its connection is half open, whatever came before that and was not read', async () => {
    const scene = await play({ client: { liveness: { intervalMs: 300, timeoutMs: 300 } } });
    const { member, other, balancer } = scene;
    member.stop();
    await publish(other, 'r', [1]);
    balancer.hold();
    await publish(other, 'r', [2]);
    member.publish(3);
    member.goOn();
    await member.until((entries) => entries.some(({ state }) => state === 'reconnecting'));
    balancer.release();
    await member.until((entries) => entries.some(({ accepted }) => accepted === 3));
    expect(await member.sees(3)).toEqual([1, 2, 3]);
  });

  it('is told what is not kept any more, and goes on', async () => {
    const scene = await play({}, { ...IMPATIENT, historySize: 2 });
    const { member, other } = scene;
    await publish(other, 'r', [1]);
    await member.sees(1);
    member.stop();
    await givenUp(scene);
    await publish(other, 'r', [2, 3, 4, 5]);
    member.goOn();
    await member.sees(4);
    await publish(other, 'r', [6]);
    expect(await member.sees(5)).toEqual([1, 'trimmed', 4, 5, 6]);
  });

  it('is told when the room has begun anew meanwhile, and goes on', async () => {
    const scene = await play({}, { ...IMPATIENT, historyTtlMs: 50, positionTtlMs: 50 });
    const { member, other } = scene;
    const [first] = await publish(other, 'r', [1]);
    await member.sees(1);
    member.stop();
    await givenUp(scene);
    await eventually(
      async () => (await other.request('history', { room: 'r' })).payload,
      ({ epoch }) => epoch !== first?.epoch,
    );
    member.goOn();
    await member.sees(2);
    await publish(other, 'r', [2]);
    expect(await member.sees(3)).toEqual([1, 'epoch', 2]);
  });

  it('asks for another token when its own has ended meanwhile', async () => {
    const scene = await play({ tokenSeconds: 2 }, { jwtClockSkewMs: 0 });
    const { member, other } = scene;
    member.stop();
    await givenUp(scene);
    await publish(other, 'r', [1]);
    member.goOn();
    member.publish(2);
    expect(await member.sees(2)).toEqual([1, 2]);
    expect(member.asked.length).toBeGreaterThan(1);
  });

  it('keeps to the time that a publish was given, and hangs with none', async () => {
    const scene = await play({}, IMPATIENT);
    const { member, other, balancer } = scene;
    balancer.hold();
    member.publish('late', 100);
    member.publish('soon');
    await member.until((entries) => entries.some(({ publishing }) => publishing === 'soon'));
    member.stop();
    await givenUp(scene);
    balancer.release();
    balancer.cut();
    member.goOn();
    await member.until((entries) => entries.some(({ accepted }) => accepted === 'soon'));
    await publish(other, 'r', ['after']);
    expect(await member.sees(2)).toEqual(['soon', 'after']);
    expect(member.entries()).toContainEqual({ refused: 'late', code: 'TIMEOUT' });
  });
});

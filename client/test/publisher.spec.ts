import { jest } from '@jest/globals';

import { range } from '../../test/support/messages.js';
import { cleanUp } from '../../test/support/teardown.js';
import { createPublisher, type Publisher } from '../src/publisher.js';
import { settingsOf } from '../src/settings.js';
import { createWire } from '../src/wire.js';

const RATE = { perSecond: 100, burst: 200 };
const OUTAGE_MS = 3000;
/** From the server to the client and back. */
const TRIP_MS = 10;
/** How long the server waits for its broker. */
const BROKER_TIMEOUT_MS = 2000;

/** A server whose broker is away at times, under a clock of the test's own. */
class SimulatedServer {
  readonly publisher: Publisher;
  /** When each message came and when it was acknowledged, by the test's clock. */
  readonly received: number[] = [];
  readonly acknowledged: number[] = [];
  readonly order: number[] = [];
  /** Until then the broker is away. */
  awayUntil = 0;
  /** The broker does not answer, rather than refuse at once. */
  hangs = false;
  private answers: Promise<unknown> = Promise.resolve();

  constructor() {
    const { queue, delays } = settingsOf({});
    const wire = createWire();
    this.publisher = createPublisher(wire, queue, delays, 0, () => undefined);
    wire.up((text) => void this.take(text, wire), { rate: RATE, maxMessageBytes: 0 });
  }

  /** Publishes messages, and counts them when they are acknowledged. */
  publish(numbers: readonly number[]): void {
    for (const n of numbers) {
      void this.publisher.publish('room:message', { room: 'r' }, n, undefined, { id: `m${n}` }).then(() => {
        this.acknowledged.push(performance.now());
        this.order.push(n);
      });
    }
  }

  /** One request takes effect after the other, and replies keep that order. */
  private async take(text: string, wire: ReturnType<typeof createWire>): Promise<void> {
    this.received.push(performance.now());
    const { requestId, payload } = JSON.parse(text) as { requestId: string; payload: { id: string } };
    const before = this.answers;
    const answer = this.publishToBroker();
    this.answers = answer;
    await before;
    const isPublished = await answer;
    await delay(TRIP_MS);
    if (isPublished) wire.receive({ type: 'ack', requestId, payload: { room: 'r', id: payload.id } });
    else wire.receive({ type: 'error', requestId, payload: { code: 'UNAVAILABLE', message: '' } });
  }

  private async publishToBroker(): Promise<boolean> {
    if (performance.now() >= this.awayUntil) return true;
    if (this.hangs) await delay(BROKER_TIMEOUT_MS);
    return false;
  }
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function useSimulatedClock(random: number): void {
  jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick'] });
  const drawn = jest.spyOn(Math, 'random').mockReturnValue(random);
  cleanUp(() => {
    drawn.mockRestore();
    jest.useRealTimers();
  });
}

const RANDOMS = [0, 0.5, 0.999];
const timeAtRate = (count: number): number => (count / (RATE.perSecond * 0.95)) * 1000;

describe('A publisher whose server cannot reach its broker for three seconds', () => {
  it.each([1, 60, 1000].flatMap((count) => RANDOMS.map((random) => [count, random] as const)))(
    'has its first acknowledgement within two seconds of the end, and %d messages as fast as the rate allows (random: %d)',
    async (count, random) => {
      useSimulatedClock(random);
      const server = new SimulatedServer();
      const backAt = (server.awayUntil = performance.now() + OUTAGE_MS);
      server.publish(range(1, count));
      await jest.advanceTimersByTimeAsync(OUTAGE_MS + 60_000);
      const { acknowledged, order } = server;
      expect(order).toEqual(range(1, count));
      const [first = Infinity] = acknowledged;
      expect(first - backAt).toBeLessThanOrEqual(2000);
      expect((acknowledged.at(-1) ?? Infinity) - first).toBeLessThanOrEqual(timeAtRate(count) + 1000);
    },
  );

  it.each(RANDOMS)(
    'empties its queue soon after, while the application goes on with 20 messages a second (random: %d)',
    async (random) => {
      useSimulatedClock(random);
      const server = new SimulatedServer();
      server.publish(range(1, 20));
      await jest.advanceTimersByTimeAsync(1000);
      expect(server.acknowledged).toHaveLength(20);
      server.awayUntil = performance.now() + OUTAGE_MS;
      server.hangs = true;
      for (const n of range(21, 200)) {
        server.publish([n]);
        await jest.advanceTimersByTimeAsync(50);
      }
      // Six seconds after the end of the outage: nothing waits but what was published a moment ago.
      expect(server.acknowledged.length).toBeGreaterThan(195);
      await jest.advanceTimersByTimeAsync(1000);
      expect(server.order).toEqual(range(1, 200));
    },
  );

  it('tries it with one message at a time, and not more than twice a second', async () => {
    useSimulatedClock(0);
    const server = new SimulatedServer();
    server.awayUntil = performance.now() + 60_000;
    server.publish(range(1, 60));
    await jest.advanceTimersByTimeAsync(1);
    expect(server.received).toHaveLength(60);
    await jest.advanceTimersByTimeAsync(60_000);
    const tries = server.received.slice(60);
    expect(tries.length).toBeGreaterThan(100);
    expect(tries.length).toBeLessThanOrEqual(120);
  });
});

import type { Browser } from 'playwright-core';

import { connect, type TestClient } from '../../../test/support/client.js';
import { eventually } from '../../../test/support/eventually.js';
import { startServer, tokenFor, type TestServer } from '../../../test/support/server.js';
import type { RookeryOptionsInput } from '../../../src/config/rookery.options.js';
import { Balancer } from '../support/balancer.js';
import { BROWSER_START_MS, openContext, startBrowser } from '../support/browser.js';
import { RookeryPage, type PageOptions } from './rookery-page.js';

const HOURS_MS = 8 * 3600 * 1000;

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
}, BROWSER_START_MS);

afterAll(() => browser.close());

interface Scene {
  readonly server: TestServer;
  readonly balancer: Balancer;
  readonly page: RookeryPage;
  readonly other: TestClient;
}

/** A page and another client on a server, the page behind a balancer that can be cut. */
async function play(options: Partial<PageOptions> = {}, settings: RookeryOptionsInput = {}): Promise<Scene> {
  const server = await startServer(settings);
  const balancer = await Balancer.start(() => [server.port]);
  const context = await openContext(browser);
  const page = await RookeryPage.open(context, await RookeryPage.serve(), {
    ws: balancer.ws,
    token: tokenFor(),
    ...options,
  });
  await page.joined();
  const other = await connect(server, { claims: { sub: 'bob' } });
  return { server, balancer, page, other };
}

async function publish(client: TestClient, ...all: unknown[]): Promise<void> {
  for (const data of all) {
    const { type } = await client.request('room:message', { room: 'r', data });
    expect(type).toBe('ack');
  }
}

/** The page's clock jumps, as after a sleep; the connection has died meanwhile without a sign. */
async function sleep({ page, balancer }: Scene, meanwhile: () => Promise<void>): Promise<void> {
  await page.page.clock.install();
  balancer.hold();
  await meanwhile();
  balancer.release();
  await page.page.clock.fastForward(HOURS_MS);
}

describe('in a browser, the client', () => {
  it('connects, joins, and gets what others and it itself publish in one order', async () => {
    const { page, other } = await play();
    await publish(other, 1);
    await page.publish(2);
    await publish(other, 3);
    expect(await page.sees(3)).toEqual([1, 2, 3]);
    expect(page.faults).toEqual([]);
  });

  it('goes offline at once when the browser does, and has everything when it is online again', async () => {
    const { page, other } = await play();
    await publish(other, 1);
    expect(await page.sees(1)).toEqual([1]);
    await page.page.context().setOffline(true);
    await eventually(
      () => page.state(),
      (state) => state === 'reconnecting',
    );
    await publish(other, 2);
    const published = page.publish(3);
    await page.page.context().setOffline(false);
    await published;
    expect(await page.sees(3)).toEqual([1, 2, 3]);
    expect(await page.gaps()).toEqual([]);
    expect(page.faults).toEqual([]);
  });

  it('comes back after a cut that nothing announced', async () => {
    const { page, other, balancer } = await play();
    balancer.cut();
    await publish(other, 1);
    await page.publish(2);
    expect(await page.sees(2)).toEqual([1, 2]);
    const states = await page.states();
    const changes = states.filter((state, index) => state !== states[index - 1]);
    expect(changes.slice(-3)).toEqual(['connected', 'reconnecting', 'connected']);
  });

  it('finds out by itself that nothing comes through any more', async () => {
    const { page, other, balancer } = await play({ client: { liveness: { intervalMs: 300, timeoutMs: 300 } } });
    balancer.hold();
    await publish(other, 1);
    await eventually(
      () => page.state(),
      (state) => state === 'reconnecting',
    );
    balancer.release();
    await page.publish(2);
    expect(await page.sees(2)).toEqual([1, 2]);
  });
});

describe('after a lid was closed for hours', () => {
  it('the client is back within seconds, and has everything that is kept', async () => {
    const scene = await play();
    const { page, other } = scene;
    await sleep(scene, () => publish(other, 1, 2));
    expect(await page.sees(2)).toEqual([1, 2]);
    expect(await page.gaps()).toEqual([]);
  });

  it('it gives up the publishes whose time is over, and sends the others once', async () => {
    const scene = await play();
    const { page, other } = scene;
    await sleep(scene, async () => {
      await page.publishLater('late', { timeoutMs: 60_000 });
      await page.publishLater('kept');
      await publish(other, 1);
    });
    expect(await page.sees(2)).toEqual([1, 'kept']);
    expect(await page.outcomes(2)).toEqual(expect.arrayContaining(['late: TIMEOUT', 'kept: accepted']));
    await publish(other, 2);
    expect(await page.sees(3)).toEqual([1, 'kept', 2]);
  });

  it('it is told what is not kept any more', async () => {
    const scene = await play({}, { historyTtlMs: 200 });
    const { page, other, server } = scene;
    await sleep(scene, async () => {
      await publish(other, 'lost');
      const observer = await connect(server, { claims: { sub: 'carol' } });
      await eventually(
        () => observer.request('history', { room: 'r' }),
        ({ payload }) => payload.messages.length === 0,
      );
    });
    await eventually(
      () => page.gaps(),
      (gaps) => gaps.length > 0,
    );
    expect(await page.gaps()).toEqual(['expired']);
    await publish(other, 'had');
    expect(await page.sees(1)).toEqual(['had']);
  });
});

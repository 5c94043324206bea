import type { CDPSession } from 'playwright-core';

import { join, type TestClient } from '../../../test/support/client.js';
import { eventually } from '../../../test/support/eventually.js';
import { dataOf, publish, receive } from '../../../test/support/messages.js';
import { startServer, tokenFor } from '../../../test/support/server.js';
import { cleanUp } from '../../../test/support/teardown.js';
import { Balancer } from '../support/balancer.js';
import { BROWSER_START_MS, startWindow, type Window } from '../support/browser.js';
import { RookeryPage, type PageOptions } from './rookery-page.js';

/** So long that only what wakes it can have moved it. */
const HOURS_MS = 3_600_000;

let window: Window;

beforeAll(async () => {
  window = await startWindow();
}, BROWSER_START_MS);

afterAll(() => window.close());

interface Scene {
  readonly balancer: Balancer;
  readonly page: RookeryPage;
  readonly origin: string;
  readonly other: TestClient;
  readonly chromium: CDPSession;
}

/** A page in a window as people have it, behind a balancer, and another client in the room. */
async function play(options: PageOptions['client'] = {}): Promise<Scene> {
  const server = await startServer();
  const balancer = await Balancer.start(() => [server.port]);
  const origin = await RookeryPage.serve();
  const page = await RookeryPage.open(window.context, origin, {
    ws: balancer.ws,
    token: tokenFor(),
    client: { liveness: { intervalMs: HOURS_MS }, ...options },
  });
  cleanUp(() => page.page.close());
  await page.joined();
  const other = await join(server, { claims: { sub: 'bob' } }, 'r');
  return { balancer, page, origin, other, chromium: await window.context.newCDPSession(page.page) };
}

const freeze = ({ chromium }: Scene): Promise<unknown> =>
  chromium.send('Page.setWebLifecycleState', { state: 'frozen' });

const thaw = ({ chromium }: Scene): Promise<unknown> => chromium.send('Page.setWebLifecycleState', { state: 'active' });

const becomes = (page: RookeryPage, state: string): Promise<string> =>
  eventually(
    () => page.state(),
    (now) => now === state,
  );

describe('a page that was left and comes back from the back/forward cache', () => {
  it('is connected again, and has everything once and in order', async () => {
    const { page, origin, other } = await play();
    await publish(other, 'r', [1]);
    expect(await page.sees(1)).toEqual([1]);
    await page.page.goto(`${origin}/elsewhere`);
    await publish(other, 'r', [2, 3]);
    // What is loaded anew has no client, and would have seen nothing.
    await page.page.goBack({ waitUntil: 'commit' });
    await page.publish(4);
    await publish(other, 'r', [5]);
    expect(await page.sees(5)).toEqual([1, 2, 3, 4, 5]);
    expect(await page.gaps()).toEqual([]);
    expect(page.faults).toEqual([]);
  });

  it('has published once what it was publishing as it was left', async () => {
    const { page, origin, other } = await play();
    await page.page.evaluate(() => {
      const { room } = globalThis as unknown as { room: { publish(data: unknown): Promise<unknown> } };
      addEventListener('pagehide', () => void room.publish('bye'), { once: true });
    });
    await page.page.goto(`${origin}/elsewhere`);
    await publish(other, 'r', [1]);
    await page.page.goBack({ waitUntil: 'commit' });
    await page.publish(2);
    const seen = await page.sees(3);
    expect(seen).toHaveLength(3);
    expect(new Set(seen)).toEqual(new Set([1, 2, 'bye']));
    const others = dataOf(await receive(other, 'r', 2));
    expect(others).toEqual(seen.filter((data) => data !== 1));
  });
});

describe('a page that was frozen', () => {
  it.each(['cut', 'left as it is'])('has everything once and in order, its connection %s', async (what) => {
    const scene = await play();
    const { page, other, balancer } = scene;
    await publish(other, 'r', [1]);
    await page.sees(1);
    await freeze(scene);
    await publish(other, 'r', [2]);
    if (what === 'cut') balancer.cut();
    await publish(other, 'r', [3]);
    await thaw(scene);
    await page.publish(4);
    expect(await page.sees(4)).toEqual([1, 2, 3, 4]);
    expect(await page.gaps()).toEqual([]);
  });

  it('tries at once to connect when it is thawed, though nobody sees it', async () => {
    const scene = await play({ reconnect: { minDelayMs: HOURS_MS, maxDelayMs: HOURS_MS } });
    const { page, other, balancer } = scene;
    balancer.cut();
    await becomes(page, 'reconnecting');
    await freeze(scene);
    await publish(other, 'r', [1]);
    await thaw(scene);
    expect(await page.sees(1)).toEqual([1]);
    expect(await page.page.evaluate(() => document.visibilityState)).toBe('hidden');
  });
});

describe('a page in a tab behind another one', () => {
  it('goes on while it is hidden, and finds at once that its connection is dead when it is shown', async () => {
    const scene = await play();
    const { page, other, balancer } = scene;
    const front = await window.context.newPage();
    cleanUp(() => front.close());
    await front.bringToFront();
    await page.page.waitForFunction(() => document.visibilityState === 'hidden');
    await publish(other, 'r', [1]);
    expect(await page.sees(1)).toEqual([1]);
    balancer.hold();
    await publish(other, 'r', [2]);
    await page.page.bringToFront();
    await becomes(page, 'reconnecting');
    balancer.release();
    await page.publish(3);
    expect(await page.sees(3)).toEqual([1, 2, 3]);
  });
});

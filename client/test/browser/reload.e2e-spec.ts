import type { Browser } from 'playwright-core';

import type { AckPayload } from '../../../src/protocol/messages.js';
import { connect, type TestClient } from '../../../test/support/client.js';
import { startServer, tokenFor } from '../../../test/support/server.js';
import { BROWSER_START_MS, openContext, startBrowser } from '../support/browser.js';
import { RookeryPage } from './rookery-page.js';

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
}, BROWSER_START_MS);

afterAll(() => browser.close());

const publish = (client: TestClient, data: unknown) => client.request('room:message', { room: 'r', data });

describe('a page that keeps its positions', () => {
  it.each(['sessionStorage', 'localStorage'] as const)(
    'in %s gets after a reload what it has not seen, and nothing twice',
    async (storage) => {
      const server = await startServer();
      const context = await openContext(browser);
      const origin = await RookeryPage.serve();
      const page = await RookeryPage.open(context, origin, { ws: server.ws, token: tokenFor(), storage });
      await page.joined();
      const other = await connect(server, { claims: { sub: 'bob' } });
      await publish(other, 1);
      await page.publish(2);
      expect(await page.sees(2)).toEqual([1, 2]);
      await page.page.goto('about:blank');
      await publish(other, 3);
      await page.page.goto(origin);
      await page.start();
      await publish(other, 4);
      expect(await page.sees(2)).toEqual([3, 4]);
      expect(await page.gaps()).toEqual([]);
      expect(page.faults).toEqual([]);
    },
  );

  it('writes them when it is left right after a message, without a moment to spare', async () => {
    const server = await startServer();
    const context = await openContext(browser);
    const origin = await RookeryPage.serve();
    const page = await RookeryPage.open(context, origin, {
      ws: server.ws,
      token: tokenFor(),
      storage: 'localStorage',
    });
    await page.joined();
    const other = await connect(server, { claims: { sub: 'bob' } });
    // The handler that sees the first message leaves the page in the same task.
    await page.page.evaluate(() => {
      const { room } = globalThis as unknown as { room: { on(event: string, handler: () => void): void } };
      room.on('message', () => location.reload());
    });
    const reloaded = page.page.waitForEvent('load');
    await publish(other, 1);
    await reloaded;
    await page.start();
    await publish(other, 2);
    expect(await page.sees(1)).toEqual([2]);
  });

  it('in localStorage has them in the next tab, in sessionStorage not', async () => {
    const server = await startServer();
    const context = await openContext(browser);
    const origin = await RookeryPage.serve();
    const other = await connect(server, { claims: { sub: 'bob' } });
    const seen: Record<string, unknown> = {};
    for (const storage of ['sessionStorage', 'localStorage'] as const) {
      const options = { ws: server.ws, token: tokenFor(), storage };
      const first = await RookeryPage.open(context, origin, options);
      await first.joined();
      const { offset = NaN } = (await publish(other, 1)).payload as AckPayload;
      expect(await first.sees(1)).toEqual([1]);
      // A tab that is closed may be gone before it has written anything.
      await first.keeps(offset);
      await first.page.close({ runBeforeUnload: false });
      await publish(other, 2);
      const second = await RookeryPage.open(context, origin, options);
      await second.joined();
      await publish(other, 3);
      await second.page.waitForFunction(() => (globalThis as unknown as { seen: unknown[] }).seen.includes(3));
      seen[storage] = await second.seen();
    }
    expect(seen).toEqual({ sessionStorage: [3], localStorage: [2, 3] });
  });
});

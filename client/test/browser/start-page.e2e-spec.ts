import type { Browser, Page } from 'playwright-core';

import { startServerWithoutKey, type TestServer } from '../../../test/support/server.js';
import { BROWSER_START_MS, faultsOf, openContext, startBrowser } from '../support/browser.js';
import { servePages } from '../support/pages.js';

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
}, BROWSER_START_MS);

afterAll(() => browser.close());

/** Follows a link that opens a window of its own. */
async function follow(page: Page, name: string): Promise<Page> {
  const opened = page.context().waitForEvent('page');
  await page.getByRole('link', { name }).click();
  return opened;
}

/** A page of another site, or of another port, with a link to the chat as alice. */
async function openElsewhere(server: TestServer, host: string): Promise<Page> {
  const link = `<!doctype html><link rel="icon" href="data:," /><a href="${server.http}/chat/as/alice">A gift</a>`;
  const origin = await servePages({ '/': link });
  const page = await (await openContext(browser)).newPage();
  await page.goto(origin.replace('127.0.0.1', host));
  return page;
}

describe('the start page in a browser', () => {
  it('opens the chat as alice and as bob, who then talk to each other', async () => {
    const server = await startServerWithoutKey();
    const page = await (await openContext(browser)).newPage();
    const faults = faultsOf(page);
    await page.goto(server.http);
    const [alice, bob] = [await follow(page, 'Chat as alice'), await follow(page, 'Chat as bob')];
    for (const chat of [alice, bob]) await chat.getByText('connected', { exact: true }).waitFor();

    await alice.getByPlaceholder('Say something').fill('hello');
    await alice.keyboard.press('Enter');
    await bob.getByText('alice: hello', { exact: true }).waitFor();
    expect(await bob.locator('#user').textContent()).toBe('bob');
    expect(faults).toEqual([]);
  });

  it.each(['127.0.0.1', 'localhost'])('signs nobody in who follows a link of another page on %s', async (host) => {
    const server = await startServerWithoutKey();
    const page = await openElsewhere(server, host);
    await page.getByRole('link', { name: 'A gift' }).click();
    await page.waitForURL(`${server.http}/chat/`);
    await page.getByText('Open one of the addresses that npm start prints.').waitFor();
    expect(page.url()).toBe(`${server.http}/chat/`);
  });

  it.each(['127.0.0.1', 'localhost'])('gives scripts of another page on %s nothing to read', async (host) => {
    const server = await startServerWithoutKey();
    const page = await openElsewhere(server, host);
    const seen = await page.evaluate(async (http) => {
      const results: unknown[] = [];
      for (const path of ['/', '/chat/as/alice']) {
        for (const mode of ['cors', 'no-cors'] as const) {
          for (const redirect of ['follow', 'manual'] as const) {
            const answer = await fetch(`${http}${path}`, { mode, redirect }).catch(() => null);
            results.push(answer === null ? null : [answer.type, answer.url, await answer.text(), [...answer.headers]]);
          }
        }
      }
      return results;
    }, server.http);
    const nothing = seen.map((result) => result === null || JSON.stringify(result).includes('["opaqueredirect",'));
    expect(nothing).toEqual(Array(8).fill(true));
    expect(JSON.stringify(seen)).not.toMatch(/eyJ|Rookery/);
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Browser, BrowserContext, Page } from 'playwright-core';

import { exampleChatAddress } from '../../../src/chat-page.js';
import { PROJECT } from '../../../test/support/project.js';
import { startServer, tokenFor, type TestServer } from '../../../test/support/server.js';
import { BROWSER_START_MS, faultsOf, openContext, startBrowser } from '../support/browser.js';

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
}, BROWSER_START_MS);

afterAll(() => browser.close());

interface Window {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly faults: readonly string[];
}

/** A window of its own with the chat in it, as `npm start` prints its address. */
async function openChat(server: TestServer, sub: string): Promise<Window> {
  const context = await openContext(browser);
  const page = await context.newPage();
  const faults = faultsOf(page);
  await page.goto(exampleChatAddress(server.http, '/ws', { token: tokenFor({ sub }) }));
  await page.getByText('connected', { exact: true }).waitFor();
  return { page, context, faults };
}

async function say({ page }: Window, text: string): Promise<void> {
  await page.getByPlaceholder('Say something').fill(text);
  await page.keyboard.press('Enter');
}

const linesOf = ({ page }: Window): Promise<string[]> => page.locator('#messages .message').allTextContents();

/** Waits for a line, and then has all of them. */
async function linesUpTo(window: Window, text: string): Promise<string[]> {
  await window.page.locator('#messages .message', { hasText: text }).waitFor();
  return linesOf(window);
}

describe('the example chat, in two windows', () => {
  it('shows both the same, in the same order, and who said it', async () => {
    const server = await startServer();
    const [alice, bob] = [await openChat(server, 'alice'), await openChat(server, 'bob')];
    await say(alice, 'hello');
    await linesUpTo(bob, 'hello');
    await say(bob, 'hello yourself');
    const lines = ['alice: hello', 'bob: hello yourself'];
    expect(await linesUpTo(alice, 'yourself')).toEqual(lines);
    expect(await linesUpTo(bob, 'yourself')).toEqual(lines);
    expect([...alice.faults, ...bob.faults]).toEqual([]);
  });

  it('says who is typing, and takes no text for HTML', async () => {
    const server = await startServer();
    const [alice, bob] = [await openChat(server, 'alice'), await openChat(server, 'bob')];
    await alice.page.getByPlaceholder('Say something').pressSequentially('<b>');
    await bob.page.getByText('alice is typing').waitFor();
    await say(alice, '<b>bold</b>');
    expect(await linesUpTo(bob, 'bold')).toEqual(['alice: <b>bold</b>']);
  });

  it('keeps what is said offline, and shows what was missed', async () => {
    const server = await startServer();
    const [alice, bob] = [await openChat(server, 'alice'), await openChat(server, 'bob')];
    await alice.context.setOffline(true);
    await alice.page.getByText('reconnecting', { exact: true }).waitFor();
    await say(alice, 'from the tunnel');
    await alice.page.locator('.waiting', { hasText: 'from the tunnel' }).waitFor();
    await say(bob, 'still there?');
    await linesUpTo(bob, 'still there?');
    await alice.context.setOffline(false);
    const lines = ['bob: still there?', 'alice: from the tunnel'];
    expect(await linesUpTo(alice, 'tunnel')).toEqual(lines);
    expect(await linesUpTo(bob, 'tunnel')).toEqual(lines);
  });

  it('shows after a reload what is kept of the conversation', async () => {
    const server = await startServer();
    const [alice, bob] = [await openChat(server, 'alice'), await openChat(server, 'bob')];
    await say(alice, 'one');
    await linesUpTo(bob, 'one');
    await bob.page.reload();
    await linesUpTo(bob, 'one');
    await say(alice, 'two');
    expect(await linesUpTo(bob, 'two')).toEqual(['alice: one', 'alice: two']);
  });

  it('says what it needs where it is opened without a token', async () => {
    const server = await startServer();
    const context = await openContext(browser);
    const page = await context.newPage();
    await page.goto(`${server.http}/chat/`);
    await page.getByText('npm start prints').waitFor();
  });

  it('is an example that is read in a few minutes', () => {
    const files = ['index.html', 'chat.css', 'chat.js'];
    const lines = files.flatMap((file) => readFileSync(join(PROJECT, 'examples', 'chat', file), 'utf8').split('\n'));
    expect(lines.length).toBeLessThan(150);
  });
});

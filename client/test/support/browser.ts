import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

import { cleanUp } from '../../../test/support/teardown.js';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** How long a browser may take to start on a busy machine. */
export const BROWSER_START_MS = 60_000;

/** Starts the system's Chromium, for all tests of a file: it has to be closed when they are done. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
    args: FLAGS,
    timeout: BROWSER_START_MS,
  });
}

/** A browser's window with storage of its own, closed at the end of the test. What it logs as errors fails the test. */
export async function openContext(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext();
  cleanUp(() => context.close());
  return context;
}

/** Collects what a page throws, and what it logs as errors; failed fetches of the network are not among them. */
export function faultsOf(page: Page): string[] {
  const faults: string[] = [];
  page.on('pageerror', ({ message }) => faults.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/ERR_|WebSocket/.test(message.text())) faults.push(message.text());
  });
  return faults;
}

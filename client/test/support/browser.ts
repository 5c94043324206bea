import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium, errors, type Browser, type BrowserContext, type Page } from 'playwright-core';

import { eventually } from '../../../test/support/eventually.js';
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
export const BROWSER_START_MS = 120_000;

/** Playwright waits for good for a page that Chromium was just about to replace as it connected: it is asked again. */
const CONNECT_MS = 8000;

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

/** Starts the system's Chromium, for all tests of a file: it has to be closed when they are done. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: FLAGS,
    timeout: BROWSER_START_MS,
  });
}

/** A window of Chromium as people have it. */
export interface Window {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/**
 * Starts Chromium with nothing of it switched off or feigned for tests: tabs behind others are hidden, pages freeze, and
 * go into the back/forward cache. For all tests of a file: it has to be closed when they are done.
 */
export async function startWindow(): Promise<Window> {
  const profile = mkdtempSync(join(tmpdir(), 'rookery-chromium-'));
  const flags = [...FLAGS, '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'];
  const child = spawn(executablePath, flags, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    // Its other processes end a little later, and may be writing yet. One that writes behind a removal makes that fail
    // for good, whatever its own retries.
    await eventually(() => isRemoved(profile), Boolean);
  };
  try {
    const [, address = ''] = await eventually(
      () => /DevTools listening on (ws:\S+)/.exec(output) ?? [],
      (match) => match.length > 0 || child.exitCode !== null,
      BROWSER_START_MS,
    );
    if (address === '') throw new Error(`Chromium did not start: ${output}`);
    const browser = await connectTo(address);
    const [context] = browser.contexts();
    if (context === undefined) throw new Error('Chromium has no window');
    return {
      context,
      close: async () => {
        await browser.close();
        await kill();
      },
    };
  } catch (error) {
    await kill();
    throw error;
  }
}

async function connectTo(address: string): Promise<Browser> {
  const connected = await eventually(
    () => chromium.connectOverCDP(address, { noDefaults: true, timeout: CONNECT_MS }).catch((error: unknown) => error),
    (outcome) => !(outcome instanceof errors.TimeoutError),
    BROWSER_START_MS,
  );
  if (connected instanceof Error) throw connected;
  return connected as Browser;
}

function isRemoved(folder: string): boolean {
  try {
    rmSync(folder, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
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

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';

import { connect } from '../../../test/support/client.js';
import { eventually } from '../../../test/support/eventually.js';
import { PROJECT } from '../../../test/support/project.js';
import { startServer, tokenFor, type TestServer } from '../../../test/support/server.js';
import { blocksOf } from '../docs/blocks.js';
import { BROWSER_START_MS, faultsOf, openContext, startBrowser } from '../support/browser.js';
import { servePages } from '../support/pages.js';

/** A page that shows the room that its address names, in React's strict mode: effects run twice. */
const PAGE = `
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { RookeryClient } from '@rookery/client';
import { useRoom } from './hook.js';

const { ws, token } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const client = new RookeryClient(ws, { token });

function Page() {
  const [name, setName] = useState('first');
  const { messages, hasGap, error, publish } = useRoom(client, name);
  return (
    <>
      <ul>{messages.map(({ id, from, data }) => <li key={id}>{from + ': ' + data}</li>)}</ul>
      <p>{name}{hasGap ? ' gap' : ''}{error ? ' error' : ''}</p>
      <button onClick={() => publish(name + ' from the page')}>publish</button>
      <button onClick={() => setName('second')}>change</button>
    </>
  );
}

createRoot(document.getElementById('root')).render(<StrictMode><Page /></StrictMode>);
`;

let browser: Browser;
let script: string;

/** The hook as README.md has it, and the page around it, in one file. */
async function bundle(): Promise<string> {
  const hook = blocksOf('client/README.md').find(({ language }) => language === 'tsx')?.code ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'rookery-react-'));
  try {
    writeFileSync(join(folder, 'hook.tsx'), hook);
    writeFileSync(join(folder, 'page.jsx'), PAGE);
    const { outputFiles } = await build({
      entryPoints: [join(folder, 'page.jsx')],
      bundle: true,
      write: false,
      format: 'esm',
      jsx: 'automatic',
      nodePaths: [join(PROJECT, 'node_modules')],
      define: { 'process.env.NODE_ENV': '"development"' },
      logLevel: 'warning',
    });
    return outputFiles[0]?.text ?? '';
  } finally {
    rmSync(folder, { recursive: true });
  }
}

beforeAll(async () => {
  [browser, script] = await Promise.all([startBrowser(), bundle()]);
}, BROWSER_START_MS);

afterAll(() => browser.close());

async function open(server: TestServer): Promise<{ page: Page; faults: readonly string[] }> {
  const page = await (await openContext(browser)).newPage();
  const faults = faultsOf(page);
  const body =
    '<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="/test.js"></script>';
  const origin = await servePages({ '/': body, '/test.js': script });
  const said = new URLSearchParams({ ws: server.ws, token: tokenFor() }).toString();
  await page.goto(`${origin}/#${said}`);
  return { page, faults };
}

const linesOf = (page: Page): Promise<string[]> => page.locator('li').allTextContents();

describe('the React hook of README.md', () => {
  it('shows the messages of its room, its own among them, and those of the next room when it changes', async () => {
    const server = await startServer();
    const { page, faults } = await open(server);
    const other = await connect(server, { claims: { sub: 'bob' } });
    const members = async (room: string): Promise<number> =>
      (await other.request('presence', room)).payload.size as number;
    await eventually(
      () => members('first'),
      (size) => size === 1,
    );
    await other.request('room:message', { room: 'first', data: 'hello' });
    await page.getByText('publish').click();
    await page.getByText('first from the page').waitFor();
    expect(await linesOf(page)).toEqual(['bob: hello', 'alice: first from the page']);

    await page.getByText('change').click();
    await eventually(
      () => members('second'),
      (size) => size === 1,
    );
    expect(await members('first')).toBe(0);
    await other.request('room:message', { room: 'first', data: 'not for us' });
    await other.request('room:message', { room: 'second', data: 'welcome' });
    await page.getByText('welcome').waitFor();
    expect(await linesOf(page)).toEqual(['bob: welcome']);
    expect(await page.locator('p').textContent()).toBe('second');
    expect(faults).toEqual([]);
  });
});

import type { Browser, Page } from 'playwright-core';

import type * as rookery from '../../src/index.js';
import { startServer, tokenFor, type TestServer } from '../../../test/support/server.js';
import { BROWSER_START_MS, faultsOf, openContext, startBrowser } from '../support/browser.js';
import { servePages } from '../support/pages.js';

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
}, BROWSER_START_MS);

afterAll(() => browser.close());

interface PageGlobals {
  readonly rookery: typeof rookery;
  readonly client?: rookery.RookeryClient;
}

/** What a page can see of the answer to its call for a ticket; nothing where the browser keeps it from the page. */
type Seen = { readonly status: number; readonly retryAfter: string | null } | string;

const HTML = `<!doctype html>
<meta charset="utf-8" />
<link rel="icon" href="data:," />
<script type="module">
  import * as rookery from '/rookery-client.min.js';
  Object.assign(globalThis, { rookery });
</script>`;

const servePage = (): Promise<string> => servePages({ '/': HTML });

async function openPage(origin: string): Promise<{ page: Page; faults: readonly string[] }> {
  const page = await (await openContext(browser)).newPage();
  const faults = faultsOf(page);
  await page.goto(origin);
  await page.waitForFunction(() => 'rookery' in globalThis);
  return { page, faults };
}

/** Has the page's client connect by a ticket of its own for each connection, and tells whom the server took it for. */
function connectByTicket(page: Page, { http, ws }: TestServer): Promise<string | undefined> {
  return page.evaluate(
    async ({ api, address, authorization }) => {
      const globals = globalThis as unknown as PageGlobals;
      const client = new globals.rookery.RookeryClient(address, {
        token: async ({ signal }) => {
          const answer = await fetch(api, { method: 'POST', headers: { authorization }, signal });
          return ((await answer.json()) as { ticket: string }).ticket;
        },
      });
      const room = client.room('r');
      await room.join();
      const from = new Promise<string | undefined>((resolve) => room.on('message', (message) => resolve(message.from)));
      await room.publish('hello');
      const sender = await from;
      await client.close();
      return sender;
    },
    { api: `${http}/api/tickets`, address: ws, authorization: `Bearer ${tokenFor()}` },
  );
}

function askForTicket(page: Page, { http }: TestServer): Promise<Seen> {
  return page.evaluate(
    ({ api, authorization }) =>
      fetch(api, { method: 'POST', headers: { authorization } }).then(
        ({ status, headers }) => ({ status, retryAfter: headers.get('retry-after') }),
        (error: unknown) => (error instanceof Error ? error.name : 'unknown'),
      ),
    { api: `${http}/api/tickets`, authorization: `Bearer ${tokenFor()}` },
  );
}

/** Which calls for tickets the server has got. */
function callsOf({ app }: TestServer): string[] {
  const calls: string[] = [];
  app.getHttpServer().on('request', ({ method = '', url }) => {
    if (url === '/api/tickets') calls.push(method);
  });
  return calls;
}

describe('in a browser, a page of another origin', () => {
  it('gets a ticket and connects by it, and asks only once whether it may', async () => {
    const origin = await servePage();
    const server = await startServer({ nodeEnv: 'production', defaultGrants: ['*'], allowedOrigins: [origin] });
    const calls = callsOf(server);
    const { page, faults } = await openPage(origin);
    expect(await connectByTicket(page, server)).toBe('alice');
    expect(await connectByTicket(page, server)).toBe('alice');
    expect(faults).toEqual([]);
    expect(calls).toEqual(['OPTIONS', 'POST', 'POST']);
  });

  it('can read why it gets none, and when to ask again', async () => {
    const origin = await servePage();
    const server = await startServer({ nodeEnv: 'production', allowedOrigins: [origin], ticketsPerUser: 1 });
    const { page } = await openPage(origin);
    expect(await askForTicket(page, server)).toEqual({ status: 201, retryAfter: null });
    const refused = await askForTicket(page, server);
    expect(refused).toEqual({ status: 429, retryAfter: expect.stringMatching(/^[1-9]\d*$/) });
  });

  it('that is not of the list gets nothing, and its token stays at home', async () => {
    const [listed, other] = [await servePage(), await servePage()];
    const server = await startServer({ nodeEnv: 'production', allowedOrigins: [listed] });
    const calls = callsOf(server);
    const { page } = await openPage(other);
    expect(await askForTicket(page, server)).toBe('TypeError');
    expect(calls).toEqual(['OPTIONS']);
  });

  it('gets one in development without a list, from whichever it is', async () => {
    const server = await startServer({ nodeEnv: 'development' });
    const { page, faults } = await openPage(await servePage());
    expect(await connectByTicket(page, server)).toBe('alice');
    expect(faults).toEqual([]);
  });
});

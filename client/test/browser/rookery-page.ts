import type { BrowserContext, Page } from 'playwright-core';

import type * as rookery from '../../src/index.js';
import { PATIENCE_MS, eventually } from '../../../test/support/eventually.js';
import { faultsOf } from '../support/browser.js';
import { servePages } from '../support/pages.js';

/** What a test's page has as globals: the client's build for browsers, and what it is given. */
interface PageGlobals {
  readonly rookery: typeof rookery;
  client: rookery.RookeryClient;
  room: rookery.Room;
  readonly seen: unknown[];
  readonly gaps: string[];
  readonly states: string[];
  readonly outcomes: string[];
}

/** How a page makes its client. */
export interface PageOptions {
  readonly ws: string;
  readonly token: string;
  /** Where positions are kept. @default in memory */
  readonly storage?: 'localStorage' | 'sessionStorage';
  readonly client?: Pick<rookery.ClientOptions<rookery.AnyRooms>, 'liveness' | 'reconnect'>;
}

const HTML = `<!doctype html>
<meta charset="utf-8" />
<link rel="icon" href="data:," />
<script type="module">
  import * as rookery from '/rookery-client.min.js';
  Object.assign(globalThis, { rookery, seen: [], gaps: [], states: [], outcomes: [] });
</script>`;

const ELSEWHERE = '<!doctype html><link rel="icon" href="data:," /><title>elsewhere</title>';

/** A page with a client in the room `r`, of which it writes down what it sees. */
export class RookeryPage {
  private constructor(
    readonly page: Page,
    /** What has gone wrong in the page itself. */
    readonly faults: readonly string[],
    private readonly options: PageOptions,
  ) {}

  /** The origin of such pages: those of one share their `localStorage`. */
  static serve(): Promise<string> {
    return servePages({ '/': HTML, '/elsewhere': ELSEWHERE });
  }

  static async open(context: BrowserContext, origin: string, options: PageOptions): Promise<RookeryPage> {
    const page = await context.newPage();
    const opened = new RookeryPage(page, faultsOf(page), options);
    await page.goto(origin);
    await opened.start();
    return opened;
  }

  /** Makes the client and joins, without waiting for either. */
  async start(): Promise<void> {
    await this.page.waitForFunction(() => 'rookery' in globalThis);
    await this.page.evaluate(({ ws, token, storage, client: options }) => {
      const globals = globalThis as unknown as PageGlobals;
      const { RookeryClient, StoragePositions } = globals.rookery;
      const positions = storage === undefined ? {} : { positions: new StoragePositions(globalThis[storage]) };
      globals.client = new RookeryClient(ws, { token, ...positions, ...options });
      globals.client.on('state', ({ state }) => globals.states.push(state));
      globals.room = globals.client.room('r');
      globals.room.on('message', ({ data }) => globals.seen.push(data));
      globals.room.on('gap', ({ reason }) => globals.gaps.push(reason));
      void globals.room.join();
    }, this.options);
  }

  async joined(): Promise<void> {
    await this.page.waitForFunction(() => (globalThis as unknown as PageGlobals).room.state === 'joined', undefined, {
      timeout: PATIENCE_MS,
    });
  }

  /** Resolves when the position in the room is in the page's storage. */
  async keeps(offset: number): Promise<void> {
    const { storage = 'localStorage' } = this.options;
    await eventually(
      () => this.page.evaluate((name) => globalThis[name].getItem('rookery:r') ?? '', storage),
      (position) => position.endsWith(`:${offset}`),
    );
  }

  seen(): Promise<unknown[]> {
    return this.page.evaluate(() => (globalThis as unknown as PageGlobals).seen);
  }

  gaps(): Promise<string[]> {
    return this.page.evaluate(() => (globalThis as unknown as PageGlobals).gaps);
  }

  states(): Promise<string[]> {
    return this.page.evaluate(() => (globalThis as unknown as PageGlobals).states);
  }

  state(): Promise<string> {
    return this.page.evaluate(() => (globalThis as unknown as PageGlobals).client.state);
  }

  /** Resolves when the page is told that the message is accepted. */
  publish(data: unknown): Promise<unknown> {
    return this.page.evaluate((value) => (globalThis as unknown as PageGlobals).room.publish(value), data);
  }

  /** Publishes without waiting for what becomes of it; see {@link outcomes}. */
  async publishLater(data: unknown, options: rookery.PublishOptions = {}): Promise<void> {
    await this.page.evaluate(
      ([value, limits]) => {
        const { room, outcomes } = globalThis as unknown as PageGlobals;
        room.publish(value, limits).then(
          () => outcomes.push(`${String(value)}: accepted`),
          ({ code }: rookery.RookeryError) => outcomes.push(`${String(value)}: ${code}`),
        );
      },
      [data, options] as const,
    );
  }

  /** Resolves with what became of publishes, when it is known of so many. */
  outcomes(count: number): Promise<string[]> {
    return eventually(
      () => this.page.evaluate(() => (globalThis as unknown as PageGlobals).outcomes),
      ({ length }) => length >= count,
    );
  }

  /** Resolves with what the page has seen when it is so many messages, or more. */
  sees(count: number): Promise<unknown[]> {
    return eventually(
      () => this.seen(),
      (seen) => seen.length >= count,
    );
  }
}

import type { IncomingMessage } from 'node:http';

import { parse } from 'cookie';

import { BEARER_SUBPROTOCOL_PREFIX } from '../protocol/envelope.js';

/** Headers that say nothing once the connection is open, or hold its token. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'sec-websocket-extensions',
  'sec-websocket-key',
  'sec-websocket-version',
  'upgrade',
]);
const SUBPROTOCOLS = 'sec-websocket-protocol';
const TOKEN_PARAMETER = 'token';

/**
 * The request by which a client connected: kept as long as its connection. The token is not in it, so that it cannot
 * get into a log by mistake; what it says is in the principal.
 *
 * @example
 * handleConnection(connection: Connection) {
 *   connection.data = { locale: connection.request.query.get('locale') ?? connection.request.headers['accept-language'] };
 * }
 */
export class UpgradeRequest {
  /** Path and query, without the token. */
  readonly url: string;
  /** One text in place of a dozen: there are many connections, and few of them are ever asked. */
  readonly #head: string;

  constructor({ url = '', rawHeaders }: Pick<IncomingMessage, 'url' | 'rawHeaders'>) {
    this.url = withoutToken(url);
    this.#head = headOf(rawHeaders);
  }

  /** The parameters of the query, without the token. */
  get query(): URLSearchParams {
    const start = this.url.indexOf('?');
    return new URLSearchParams(start < 0 ? '' : this.url.slice(start + 1));
  }

  /** The headers by their names in lower case; several of one name are joined by a comma, cookies by a semicolon. */
  get headers(): Readonly<Partial<Record<string, string>>> {
    const headers = new Map<string, string>();
    for (const line of this.#head.split('\n')) {
      const end = line.indexOf(':');
      if (end < 0) continue;
      const [name, value] = [line.slice(0, end), line.slice(end + 1)];
      const before = headers.get(name);
      headers.set(name, before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`);
    }
    return Object.fromEntries(headers);
  }

  /** The cookies by name. Values are decoded where they are percent-encoded; of two with one name the first counts. */
  get cookies(): Readonly<Partial<Record<string, string>>> {
    return parse(this.headers['cookie'] ?? '');
  }
}

function withoutToken(url: string): string {
  const start = url.indexOf('?');
  if (start < 0) return url;
  const query = new URLSearchParams(url.slice(start + 1));
  if (!query.has(TOKEN_PARAMETER)) return url;
  query.delete(TOKEN_PARAMETER);
  return query.size === 0 ? url.slice(0, start) : `${url.slice(0, start)}?${query.toString()}`;
}

/** @param rawHeaders names and values by turns; Node has checked that no line breaks are in them */
function headOf(rawHeaders: readonly string[]): string {
  const lines: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    const value = rawHeaders[index + 1] ?? '';
    if (name === SUBPROTOCOLS) lines.push(`${name}:${withoutBearer(value)}`);
    else if (!LEFT_OUT.has(name)) lines.push(`${name}:${value}`);
  }
  return lines.join('\n');
}

function withoutBearer(subprotocols: string): string {
  const entries = subprotocols.split(',').map((entry) => entry.trim());
  return entries.filter((entry) => !entry.startsWith(BEARER_SUBPROTOCOL_PREFIX)).join(', ');
}

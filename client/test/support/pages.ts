import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

import { PROJECT } from '../../../test/support/project.js';
import { listen } from './listen.js';

const BUILD = join(PROJECT, 'client', 'dist', 'rookery-client.min.js');
const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '': 'text/html' };

/**
 * Serves a test's pages beside the client's build for browsers (`/rookery-client.min.js`), and returns their origin.
 * Pages that are put in by interception will not do: browsers do not know them to be of this machine, and keep them
 * from connecting to it.
 *
 * @param pages the texts by their paths; without an extension they are HTML
 */
export function servePages(pages: Readonly<Record<string, string>>): Promise<string> {
  const files: Readonly<Record<string, string>> = {
    ...pages,
    '/rookery-client.min.js': readFileSync(BUILD, 'utf8'),
  };
  return listen(({ url = '' }, response) => {
    const text = files[url];
    response.writeHead(text === undefined ? 404 : 200, { 'Content-Type': TYPES[extname(url)] ?? 'text/plain' });
    response.end(text);
  });
}

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Application, Request, Response } from 'express';

import { hasOtherIssuer } from './auth/signing-key.js';
import { CHAT_USERS, chatDoorPath, hasChatDoor, isLocal } from './chat-door.js';
import { EXAMPLE_CHAT_PATH, exampleChatAddress, hasExampleChat } from './chat-page.js';
import { RookeryOptions } from './config/rookery.options.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f5f1; --card: #fff; --line: #e2dfd6; --text: #1d1f23; --soft: #5c6068;
  --accent: #1f4fbf; --on-accent: #fff; --live: #1a7f4b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161a; --card: #1c1f25; --line: #31353e; --text: #eceef1; --soft: #a3a9b4;
    --accent: #8db0ff; --on-accent: #0e1526; --live: #5fd39a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; padding: clamp(1.5rem, 7vh, 5rem) 1.25rem 2rem; background: var(--page); color: var(--text);
  font: 1rem/1.55 system-ui, sans-serif; }
main, footer { max-width: 40rem; margin: 0 auto; }
header { display: flex; gap: 1rem; align-items: center; margin-bottom: 2rem; }
header svg { flex: none; width: 3.25rem; height: 3.25rem; color: var(--accent); }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.02em; }
header p { margin: 0.25rem 0 0; color: var(--soft); }
.live { color: var(--live); font-weight: 600; }
section { margin-bottom: 1rem; padding: 1.25rem 1.5rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 0.75rem; }
h2 { margin: 0 0 0.25rem; font-size: 1.0625rem; }
section p { margin: 0; color: var(--soft); }
.users { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: 0.75rem; margin-top: 1rem; }
a { color: var(--accent); text-underline-offset: 0.2em; }
.users a { padding: 0.7rem 1rem; border-radius: 0.5rem; background: var(--accent); color: var(--on-accent);
  font-weight: 600; text-align: center; text-decoration: none; }
.users a:hover { text-decoration: underline; }
a:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 0.25rem; }
dl { display: grid; grid-template-columns: minmax(8rem, auto) 1fr; gap: 0.5rem 1.25rem; margin: 0.75rem 0 0; }
dt { font-weight: 600; }
dd { margin: 0; color: var(--soft); }
code { padding: 0.1em 0.35em; border-radius: 0.3em; background: var(--page); color: var(--text);
  font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere; }
header code { padding: 0; background: none; }
footer { color: var(--soft); font-size: 0.875rem; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 0.75rem; } }
`;

/** The one style sheet and nothing else: no script, no frame around it, no form. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join(';');

/** A rook on its branch. */
const LOGO = `<svg viewBox="0 0 48 48" fill="currentColor" aria-hidden="true"><path d="M44 14.5 36.6 12C35 8.9 31.9 7 28.4 7c-5 0-8.9 3.8-9.3 8.7L6 34.5c-.9 1.300.4 2.9 1.9 2.3l9-3.8c1.800.6 3.700.9 5.7.9 8.6 0 15.4-6.6 15.4-15v-1.700l6-1.100c.8-.2.8-1.300 0-1.600ZM30.4 15.600a1.700 1.700 0 1 1 0-3.4 1.700 1.700 0 0 1 0 3.4Z"/><path d="M21 33.500h2.4V41H21zm6-.6h2.4V41H27zM8 40h32v2.500H8z"/></svg>`;

const FAVICON = `data:image/svg+xml,${encodeURIComponent(
  LOGO.replace('<svg', '<svg xmlns="http://www.w3.org/2000/svg" color="#4f7df0"'),
)}`;

/** Whether `/` is a page: in development only, and not where it is the WebSocket endpoint. */
export function hasStartPage({ nodeEnv, wsPath }: RookeryOptions): boolean {
  return nodeEnv !== 'production' && wsPath !== '/';
}

/** Serves the page of a development server. It holds no token, whoever asks for it. */
export function serveStartPage(app: NestExpressApplication): void {
  const options = app.get(RookeryOptions);
  (app.getHttpAdapter().getInstance() as Application).get('/', (request: Request, response: Response) => {
    response.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    response.setHeader('Cache-Control', 'no-store');
    response.type('html').send(pageOf(options, isLocal(request)));
  });
}

function pageOf(options: RookeryOptions, isLocalVisitor: boolean): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rookery ${escapeHtml(version)}</title>
<link rel="icon" href="${FAVICON}">
<style>${STYLE}</style>
</head>
<body>
<main>
<header>${LOGO}<div>
<h1>Rookery is <span class="live">running</span></h1>
<p>Version ${escapeHtml(version)}, in development. WebSocket endpoint: <code>${escapeHtml(options.wsPath)}</code></p>
</div></header>
${hasExampleChat(options) ? chatSection(options, isLocalVisitor) : ''}
<section>
<h2>Look around</h2>
<dl>
${placesOf(options).join('\n')}
</dl>
</section>
<section>
<h2>Connect a client of your own</h2>
<p>${adviceFor(options)}</p>
</section>
</main>
<footer>This page is served in development only.</footer>
</body>
</html>
`;
}

function chatSection(options: RookeryOptions, isLocalVisitor: boolean): string {
  const links = chatLinks(options, isLocalVisitor);
  const users = links.length === 0 ? '' : `<div class="users">\n${links.join('\n')}\n</div>\n`;
  return `<section>\n<h2>Try the chat</h2>\n<p>${chatText(options, links.length > 0)}</p>\n${users}</section>`;
}

function chatText(options: RookeryOptions, hasLinks: boolean): string {
  if (hasLinks) return 'Open it as both users, in two windows side by side: each reads what the other writes.';
  if (hasOtherIssuer(options)) {
    return `Open <code>${EXAMPLE_CHAT_PATH}#token=</code> with a token of your issuer behind it.`;
  }
  return 'Open the chat addresses that the server printed when it started: they hold the tokens that the chat needs.';
}

function chatLinks(options: RookeryOptions, isLocalVisitor: boolean): string[] {
  const isOpen = options.auth === 'none';
  if (!isOpen && !(hasChatDoor(options) && isLocalVisitor)) return [];
  return CHAT_USERS.map((user) => {
    const address = isOpen ? exampleChatAddress('', options.wsPath, { user }) : chatDoorPath(user);
    return `<a href="${escapeHtml(address)}" target="_blank" rel="noopener">Chat as ${user}</a>`;
  });
}

function placesOf({ docs, metricsPublic, metricsToken }: RookeryOptions): string[] {
  const isMetricsOpen = metricsPublic === true && metricsToken === undefined;
  return [
    ...(docs === true ? [place('/docs', 'REST documentation', 'Every call, to try in the browser')] : []),
    place('/health/ready', 'Health', 'Whether this node takes connections'),
    ...(isMetricsOpen ? [place('/metrics', 'Metrics', 'Counters of this node, for Prometheus')] : []),
  ];
}

const place = (path: string, name: string, meaning: string): string =>
  `<dt><a href="${path}">${name}</a></dt><dd>${meaning}</dd>`;

/** How a client gets in. */
function adviceFor(options: RookeryOptions): string {
  if (options.auth === 'none') return 'Any client may name its user: <code>?user_id=alice</code>. It needs no token.';
  if (hasOtherIssuer(options)) return 'It needs a token of the issuer whose keys the server was given.';
  return 'It needs a token. <code>npm run token -- --sub alice</code> prints one.';
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

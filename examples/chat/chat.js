// @ts-check
import { RookeryClient } from './rookery-client.min.js';

/** @typedef {{ text: string } | { typing: true }} Chat */

const elementOf = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const field = /** @type {HTMLInputElement} */ (elementOf('text'));

// `npm start` prints addresses with a token behind the #, where it is not sent to any server.
const said = new URLSearchParams(location.hash.slice(1));
const url = new URL(said.get('path') ?? '/ws', location.href);
url.protocol = url.protocol.replace('http', 'ws');

/** @type {RookeryClient<{ chat: Chat }>} */
const client = new RookeryClient(url, { token: said.get('token') ?? undefined, userId: said.get('user') ?? undefined });
const room = client.room('chat');

/** Adds a line at the end; text of others is never taken for HTML. */
function show(/** @type {string} */ text, className = '') {
  const line = document.createElement('li');
  line.textContent = text;
  line.className = className;
  elementOf('messages').append(line);
  line.scrollIntoView();
  return line;
}

client.on('state', ({ state, code }) => {
  elementOf('user').textContent = client.userId ?? '';
  elementOf('state').textContent = state === 'closed' ? `closed: ${code ?? ''}` : state;
});

/** @type {ReturnType<typeof setTimeout> | undefined} */
let typingEnds;

/** @type {(message: import('@rookery/client').RoomMessage<Chat>) => void} */
function showMessage({ data, from = 'server' }) {
  const isTyping = 'typing' in data;
  clearTimeout(typingEnds);
  elementOf('typing').textContent = isTyping ? `${from} is typing …` : '';
  if (isTyping) typingEnds = setTimeout(() => (elementOf('typing').textContent = ''), 3000);
  else show(`${from}: ${data.text}`, 'message');
}
room.on('gap', ({ reason }) => show(`Some messages are lost (${reason}).`, 'notice'));

let toldAt = 0;
field.addEventListener('input', () => {
  if (Date.now() - toldAt < 2000) return;
  toldAt = Date.now();
  // Worth nothing a moment later: neither numbered nor kept, and not sent at all while there is no connection.
  room.publish({ typing: true }, { volatile: true }).catch(() => undefined);
});

elementOf('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = field.value;
  field.value = '';
  toldAt = 0;
  // What is published while there is no connection waits for the next one.
  const line = show(text, 'waiting');
  room.publish({ text }).then(
    () => line.remove(),
    (error) => (line.textContent = `${text} (not sent: ${String(error)})`),
  );
});

// The server answers with 401, which browsers tell no script: it looks as if it could not be reached.
if (!said.has('token') && !said.has('user')) show('Open one of the addresses that npm start prints.', 'notice');

try {
  // What comes from the join on waits here until everything before it has been read from history.
  const live = room.messages();
  const joined = await room.join();
  for await (const message of room.history()) {
    if (message.offset !== undefined && message.offset > joined.offset) break;
    showMessage(message);
  }
  for await (const message of live) showMessage(message);
} catch (error) {
  show(String(error), 'notice');
}

import { createInterface } from 'node:readline';
import process from 'node:process';

import { RookeryClient } from '@rookery/client';
import { WebSocket } from 'ws';

/**
 * A member of the room `r` in a process of its own: writes what it sees as lines of JSON, and publishes what comes as
 * such lines.
 */
const { ws, tokens, options } = JSON.parse(process.argv[2] ?? '');
const tell = (entry) => process.stdout.write(`${JSON.stringify(entry)}\n`);

async function token({ reason, signal }) {
  const response = await fetch(`${tokens}/${reason}`, { signal });
  return response.text();
}

const client = new RookeryClient(ws, { WebSocket, token, ...options });
client.on('state', ({ state }) => tell({ state }));
const room = client.room('r');
room.on('message', ({ data }) => tell({ message: data }));
room.on('gap', ({ reason }) => tell({ gap: reason }));
room.on('joined', () => tell({ joined: true }));
void room.join();

for await (const line of createInterface({ input: process.stdin })) {
  const { data, timeoutMs } = JSON.parse(line);
  room.publish(data, { timeoutMs }).then(
    () => tell({ accepted: data }),
    ({ code }) => tell({ refused: data, code }),
  );
  tell({ publishing: data });
}

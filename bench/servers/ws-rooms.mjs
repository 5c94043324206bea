import { createServer } from 'node:http';

import jsonwebtoken from 'jsonwebtoken';
import { WebSocketServer } from 'ws';

import { relayed } from './envelope.mjs';

/**
 * A rooms server as one writes it by hand on `ws`. How a message reaches the members is left to the caller.
 *
 * @param {(members: Set<import('ws').WebSocket>, sender: import('ws').WebSocket, envelope: object) => void} relay
 */
export function serveRooms(relay) {
  /** @type {Map<string, Set<import('ws').WebSocket>>} */
  const rooms = new Map();
  const http = createServer();
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: process.env.COMPRESSION === 'true' && { serverNoContextTakeover: true },
  });

  http.on('upgrade', (request, socket, head) => {
    const user = authenticate(request.url);
    if (!user) socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
    else server.handleUpgrade(request, socket, head, (client) => welcome(client, user));
  });

  function welcome(/** @type {import('ws').WebSocket} */ client, /** @type {string} */ user) {
    /** @type {Set<string>} */
    const joined = new Set();
    client.send(JSON.stringify({ type: 'connected', payload: { userId: user } }));
    client.on('message', (/** @type {Buffer} */ bytes) => {
      const { type, payload, requestId } = JSON.parse(bytes.toString());
      if (type === 'ping') client.send(JSON.stringify({ type: 'pong', requestId }));
      if (type === 'join') {
        if (!rooms.has(payload.room)) rooms.set(payload.room, new Set());
        rooms.get(payload.room)?.add(client);
        joined.add(payload.room);
        client.send(JSON.stringify({ type: 'room:joined', payload: { room: payload.room }, requestId }));
      }
      if (type === 'room:message' && joined.has(payload.room)) {
        const envelope = { type, payload: relayed(payload.room, payload.data, user) };
        relay(rooms.get(payload.room) ?? new Set(), client, envelope);
      }
    });
    client.on('close', () => joined.forEach((room) => rooms.get(room)?.delete(client)));
  }

  http.listen(Number(process.env.PORT), '127.0.0.1');
}

/**
 * The secret is handed over as the string that it is, as in the package's own examples.
 *
 * @param {string | undefined} url
 */
function authenticate(url) {
  const token = new URL(url ?? '/', 'http://localhost').searchParams.get('token') ?? '';
  try {
    return String(jsonwebtoken.verify(token, process.env.JWT_SECRET ?? '', { algorithms: ['HS256'] }).sub);
  } catch {
    return null;
  }
}

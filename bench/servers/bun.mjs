import { createHmac, timingSafeEqual } from 'node:crypto';

import { relayed } from './envelope.mjs';

const compress = process.env.COMPRESSION === 'true';

// Run by Bun. Its publish() is native: rooms, the encoding of frames and the writes are not JavaScript.
Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env.PORT),
  fetch(request, server) {
    const user = authenticate(new URL(request.url).searchParams.get('token') ?? '');
    if (!user) return new Response(null, { status: 401 });
    return server.upgrade(request, { data: { user } }) ? undefined : new Response(null, { status: 400 });
  },
  websocket: {
    // Its default closes members who only listen after two minutes.
    idleTimeout: 0,
    perMessageDeflate: compress,
    open(client) {
      client.send(JSON.stringify({ type: 'connected', payload: { userId: client.data.user } }));
    },
    message(client, text) {
      const { type, payload, requestId } = JSON.parse(text);
      if (type === 'ping') client.send(JSON.stringify({ type: 'pong', requestId }));
      if (type === 'join') {
        client.subscribe(payload.room);
        client.send(JSON.stringify({ type: 'room:joined', payload: { room: payload.room }, requestId }));
      }
      if (type === 'room:message' && client.isSubscribed(payload.room)) {
        const envelope = { type, payload: relayed(payload.room, payload.data, client.data.user) };
        client.publish(payload.room, JSON.stringify(envelope), compress);
      }
    },
  },
});

/** @param {string} token */
function authenticate(token) {
  const [header = '', claims = '', signature = ''] = token.split('.');
  const expected = createHmac('sha256', process.env.JWT_SECRET ?? '')
    .update(`${header}.${claims}`)
    .digest();
  const given = Buffer.from(signature, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  const { sub, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString());
  return exp > Date.now() / 1000 ? sub : null;
}

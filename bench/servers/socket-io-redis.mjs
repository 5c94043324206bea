import { createServer } from 'node:http';

import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';

import { relayed } from './envelope.mjs';

// The same client of Redis as Rookery's.
const connect = () => new Redis(process.env.REDIS_URL ?? '');

/** @type {Record<string, () => any>} */
const ADAPTERS = {
  pubsub: () => createAdapter(connect(), connect()),
  sharded: () => createShardedAdapter(connect(), connect()),
  streams: () => createStreamsAdapter(connect()),
};

const http = createServer();
const server = new Server(http, { transports: ['websocket'], adapter: ADAPTERS[process.env.ADAPTER ?? '']?.() });

server.on('connection', (socket) => {
  socket.on('join', async ({ room }) => {
    await socket.join(room);
    socket.emit('room:joined', { room });
  });
  socket.on('publish', ({ room, data, requestId }) => {
    socket.to(room).emit('room:message', relayed(room, data, socket.id));
    if (requestId) socket.emit('published', { room, requestId });
  });
});

http.listen(Number(process.env.PORT), '127.0.0.1');

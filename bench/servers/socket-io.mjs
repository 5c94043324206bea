import { createServer } from 'node:http';

import { Server } from 'socket.io';

import { relayed } from './envelope.mjs';

const http = createServer();
const server = new Server(http, {
  transports: ['websocket'],
  perMessageDeflate: process.env.COMPRESSION === 'true' && { serverNoContextTakeover: true },
});

server.on('connection', (socket) => {
  socket.on('ping', (payload) => socket.emit('pong', payload));
  socket.on('join', async ({ room }) => {
    await socket.join(room);
    socket.emit('room:joined', { room });
  });
  socket.on('room:message', ({ room, data }) => {
    if (socket.rooms.has(room)) socket.to(room).emit('room:message', relayed(room, data, socket.id));
  });
});

http.listen(Number(process.env.PORT), '127.0.0.1');

/**
 * How a server is spoken to. The load generator puts in the connection's token for `%t`, a room's name for `%r` and the
 * mark of the message for `%m`.
 *
 * @typedef {object} Dialect
 * @property {string} path
 * @property {readonly (readonly ['say' | 'hear', string])[]} greeting What is said, and what must be part of the
 *   answer, between the upgrade and the first join.
 * @property {string} join
 * @property {string} joined Part of the answer to a join.
 * @property {string} ping
 * @property {(data: string) => string} message Publishes this JSON value.
 * @property {(data: string) => string} [relay] Publishes it by one who is not a member of the room.
 * @property {(data: string) => string} [publish] The same, and asks for an answer that holds the mark.
 * @property {readonly [string, string]} [beat] A heartbeat above WebSocket's own, and its answer.
 */

/** @type {Dialect} */
export const rookery = {
  path: '/ws?token=%t',
  greeting: [['hear', '"connected"']],
  join: '{"type":"join","payload":{"room":"%r"},"requestId":"1"}',
  joined: '"room:joined"',
  ping: '{"type":"ping","requestId":"%m"}',
  message: (data) => `{"type":"room:message","payload":{"room":"%r","data":${data}}}`,
  relay: (data) => `{"type":"room:message","payload":{"room":"%r","data":${data}}}`,
  publish: (data) => `{"type":"room:message","payload":{"room":"%r","data":${data}},"requestId":"%m"}`,
};

/** @type {Dialect} */
export const nest = {
  path: '/ws',
  greeting: [],
  join: '{"event":"join","data":{"room":"%r"}}',
  joined: '"room:joined"',
  ping: '{"event":"ping","data":{"requestId":"%m"}}',
  message: (data) => `{"event":"room:message","data":{"room":"%r","data":${data}}}`,
};

/**
 * Engine.IO packets, by their first digit: 0 open, 2 ping, 3 pong, 4 message; in a message Socket.IO's own: 0 connect,
 * 2 event.
 *
 * @type {Dialect}
 */
export const socketIo = {
  path: '/socket.io/?EIO=4&transport=websocket',
  greeting: [
    ['hear', '0{'],
    ['say', '40'],
    ['hear', '40{'],
  ],
  join: '42["join",{"room":"%r"}]',
  joined: '"room:joined"',
  ping: '42["ping",{"requestId":"%m"}]',
  message: (data) => `42["room:message",{"room":"%r","data":${data}}]`,
  relay: (data) => `42["publish",{"room":"%r","data":${data}}]`,
  publish: (data) => `42["publish",{"room":"%r","data":${data},"requestId":"%m"}]`,
  beat: ['2', '3'],
};

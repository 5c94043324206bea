import type { ClientMessages, ServerMessages } from './messages.js';

/** Makes a list of names a checked one: the compiler refuses a name too many and a name missing. */
const complete =
  <Name extends string>() =>
  <const List extends readonly Name[]>(list: [Name] extends [List[number]] ? List : never): List =>
    list;

/** Every type that a client may send; anything else goes to the application's own handlers. */
export const CLIENT_MESSAGE_TYPES = complete<keyof ClientMessages>()([
  'ping',
  'join',
  'leave',
  'room:message',
  'broadcast',
  'user:message',
  'presence',
  'history',
  'ack',
  'auth:refresh',
]);

/** Every type that the server sends by itself. */
export const SERVER_MESSAGE_TYPES = complete<keyof ServerMessages>()([
  'connected',
  'pong',
  'ack',
  'room:joined',
  'rooms:joined',
  'room:left',
  'room:message',
  'broadcast',
  'user:message',
  'presence',
  'presence:joined',
  'presence:left',
  'presence:changed',
  'history',
  'room:gap',
  'auth:expiring',
  'auth:refreshed',
  'server:draining',
  'error',
]);

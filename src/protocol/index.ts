/** The wire protocol as types and constants: no dependencies, made to be compiled into a client. */
export * from './close-codes.js';
export * from './envelope.js';
export * from './errors.js';
export * from './messages.js';
export * from './position.js';
export * from './refusals.js';
export * from './room-name.js';
export * from './room-pattern.js';
export * from './types.js';

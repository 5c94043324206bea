import type { Publication } from '../broker/publication.js';
import { SUBPROTOCOL, type Envelope } from '../protocol/envelope.js';
import { decodeEnvelope } from '../protocol/decode.js';
import { EVERYBODY, userOfRoom } from '../protocol/room-name.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import { compressedTextFrame, textFrame } from './frame.js';

/**
 * How messages look on a connection. Everything that differs between connections of one room is in here, so that the
 * fan-out encodes a publication once for each wire in use and not once for each member.
 */
export interface Wire {
  /** Small number, unique among the wires in use: an index into what the fan-out has encoded so far. */
  readonly index: number;
  readonly subprotocol: string;
  /** @throws EnvelopeError */
  decode(data: Buffer): Envelope;
  /** A frame with one of the server's own messages. */
  envelope(type: string, payload?: unknown, requestId?: string): Buffer;
  /** A frame with a publication, as every member of the room gets it. */
  publication(room: string, publication: Publication): Buffer;
}

/** The message type by which members get what was published in a room. */
function typeOf(room: string): 'broadcast' | 'user:message' | 'room:message' {
  if (room === EVERYBODY) return 'broadcast';
  return userOfRoom(room) === undefined ? 'room:message' : 'user:message';
}

/**
 * The text of a publication. Put together by hand: its data is JSON text already, and reading it only to write it
 * again would cost more than all else here.
 */
function publicationText(room: string, { data, from, id, offset, timestamp }: Publication): string {
  const type = typeOf(room);
  const where = type === 'room:message' ? `"room":${JSON.stringify(room)},` : '';
  const sender = from === undefined ? '' : `,"from":${JSON.stringify(from)}`;
  const place = offset === undefined ? '' : `,"offset":${offset}`;
  return `{"type":"${type}","payload":{${where}"data":${data}${sender},"id":${JSON.stringify(id)}${place},"timestamp":${timestamp}}}`;
}

/** Subprotocol `rookery.v1.json`: an envelope of JSON in a text frame. */
export const JSON_WIRE: Wire = {
  index: 0,
  subprotocol: SUBPROTOCOL,
  decode: (data) => decodeEnvelope(data.toString()),
  envelope: (type, payload, requestId) => textFrame(JSON.stringify({ type, payload, requestId })),
  publication: (room, publication) => textFrame(publicationText(room, publication)),
};

/**
 * The same with permessage-deflate, for connections that negotiated it: a publication is compressed once for all of
 * them. Short texts stay as they are, which the extension allows message by message.
 */
export function deflatedJsonWire(thresholdBytes: number, telemetry: Telemetry): Wire {
  const frameOf = (text: string): Buffer => {
    if (text.length < thresholdBytes) return textFrame(text);
    telemetry.compressions += 1;
    return compressedTextFrame(text);
  };
  return {
    ...JSON_WIRE,
    index: 1,
    envelope: (type, payload, requestId) => frameOf(JSON.stringify({ type, payload, requestId })),
    publication: (room, publication) => frameOf(publicationText(room, publication)),
  };
}

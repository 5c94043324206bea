import { CLIENT_MESSAGE_TYPES } from '../../src/protocol/types.js';
import { OPCODE, frame } from './raw-client.js';
import type { Seeded } from './seeded.js';

const VALUES = [
  'null',
  'true',
  '-0',
  '1e999',
  '""',
  '"\\ud800"',
  '"\\u0000"',
  '[]',
  '{}',
  '{"__proto__":{"polluted":1}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"room":{"toString":1}}',
  '{"room":"__proto__","data":1}',
  '{"room":"@all","data":1}',
  '{"room":"@user:victim","data":1}',
  '{"room":"@other"}',
  '{"room":"x","data":1,"id":7}',
  '{"room":"x","recover":{"epoch":"x","offset":-1}}',
  '{"room":"x","after":{"epoch":1,"offset":1.5},"limit":-1}',
  '{"userId":["x"],"data":{}}',
  '{"token":"a.b.c"}',
] as const;

const TYPES = [...CLIENT_MESSAGE_TYPES, '__proto__', 'constructor', 'toString', 'connected', 'error', 'x'] as const;

/** Kinds of frames that no well-behaved client sends, all of them within RFC 6455: the connection has to survive them. */
const KINDS: readonly [(random: Seeded) => Buffer, ...((random: Seeded) => Buffer)[]] = [
  // Noise that is valid UTF-8.
  (random) => frame({ payload: random.bytes(random.below(200)).toString('latin1') }),
  (random) => frame({ opcode: OPCODE.BINARY, payload: random.bytes(random.below(200)) }),
  (random) => frame({ payload: random.pick(VALUES) }),
  // Envelopes with anything in them.
  (random) => frame({ payload: envelope(random) }),
  // The same, cut off somewhere.
  (random) => {
    const text = envelope(random);
    return frame({ payload: text.slice(0, random.below(text.length)) });
  },
  (random) => frame({ payload: '['.repeat(1 + random.below(5000)) }),
  (random) => {
    const depth = 1 + random.below(5000);
    const data = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    return frame({ payload: `{"type":"room:message","payload":{"room":"x","data":${data}}}` });
  },
  (random) => frame({ opcode: random.pick([OPCODE.PING, OPCODE.PONG]), payload: random.bytes(random.below(126)) }),
  (random) => fragmented(envelope(random), random),
  (random) =>
    frame({ payload: `{"type":"${'t'.repeat(random.below(500))}","requestId":"${'r'.repeat(random.below(200))}"}` }),
];

export function hostileFrame(random: Seeded): Buffer {
  return random.pick(KINDS)(random);
}

function envelope(random: Seeded): string {
  const requestId = random.pick(['', ',"requestId":"hostile"', ',"requestId":7', ',"type":"twice"']);
  return `{"type":${JSON.stringify(random.pick(TYPES))},"payload":${random.pick(VALUES)}${requestId}}`;
}

function fragmented(text: string, random: Seeded): Buffer {
  const pieces: Buffer[] = [];
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.below(40);
    pieces.push(
      frame({
        opcode: at === 0 ? OPCODE.TEXT : OPCODE.CONTINUATION,
        payload: bytes.subarray(at, at + size),
        final: at + size >= bytes.length,
      }),
    );
    at += size;
  }
  return Buffer.concat(pieces);
}

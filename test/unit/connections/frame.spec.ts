import { once } from 'node:events';
import type { Writable } from 'node:stream';

import * as fc from 'fast-check';
import * as ws from 'ws';

import { PING_FRAME, textFrame } from '../../../src/connections/frame.js';

/** What `ws` makes of bytes that a server sent; exported by it, and unknown to its types. */
type Receiver = new (options: { isServer: boolean; maxPayload: number }) => Writable;
const { Receiver } = ws as unknown as { readonly Receiver: Receiver };

type Heard = readonly ['message' | 'ping' | 'pong', string];

/** Reads bytes in pieces of a size, as a client would that had just been connected. */
async function read(bytes: Buffer, pieceSize = bytes.length): Promise<Heard[]> {
  const receiver = new Receiver({ isServer: false, maxPayload: 0 });
  const heard: Heard[] = [];
  receiver.on('message', (data: Buffer, isBinary: boolean) =>
    heard.push(['message', isBinary ? 'binary' : data.toString()]),
  );
  receiver.on('ping', (data: Buffer) => heard.push(['ping', data.toString()]));
  for (let at = 0; at < bytes.length; at += pieceSize) receiver.write(bytes.subarray(at, at + pieceSize));
  receiver.end();
  await once(receiver, 'finish');
  return heard;
}

describe('textFrame', () => {
  it.each([
    [0, 2],
    [1, 2],
    [125, 2],
    [126, 4],
    [127, 4],
    [65_535, 4],
    [65_536, 10],
    [70_000, 10],
  ])('frames %i bytes behind a head of %i', async (length, head) => {
    const text = 'x'.repeat(length);
    const frame = textFrame(text);
    expect(frame.length).toBe(head + length);
    expect(await read(frame)).toStrictEqual([['message', text]]);
  });

  it.each([62, 63, 21_845, 21_846])('counts bytes and not characters, %i of three bytes each', async (length) => {
    const text = '€'.repeat(length);
    expect(await read(textFrame(text))).toStrictEqual([['message', text]]);
  });

  it('is one unmasked, final text frame', () => {
    expect([...textFrame('hi')]).toStrictEqual([0x81, 2, 0x68, 0x69]);
  });

  it('gives any text back, however the bytes are cut', async () => {
    const texts = fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 20 }), async (list, pieceSize) => {
        const heard = await read(Buffer.concat([...list.map(textFrame), PING_FRAME]), pieceSize);
        expect(heard).toStrictEqual([...list.map((text) => ['message', text]), ['ping', '']]);
      }),
    );
  });
});

describe('PING_FRAME', () => {
  it('is a ping without a body', async () => {
    expect(await read(PING_FRAME)).toStrictEqual([['ping', '']]);
  });
});

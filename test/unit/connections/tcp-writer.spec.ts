import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

import { tcpHandleOf, unsentBytesOf, writeTo, type TcpHandle } from '../../../src/connections/tcp-writer.js';
import { eventually } from '../../support/eventually.js';
import { cleanUp } from '../../support/teardown.js';

interface Pair {
  readonly near: Socket;
  readonly handle: TcpHandle;
  readonly far: Socket;
  /** What the far side has read. */
  readonly read: () => string;
}

/** Both ends of a TCP connection; the far one reads from the start, unless it is paused. */
async function pair(): Promise<Pair> {
  const server = createServer().listen(0, '127.0.0.1');
  cleanUp(() => server.close());
  await once(server, 'listening');
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
  cleanUp(() => far.destroy());
  const [near] = (await once(server, 'connection')) as [Socket];
  near.on('error', () => undefined);
  cleanUp(() => near.destroy());
  const pieces: Buffer[] = [];
  far.on('data', (piece: Buffer) => pieces.push(piece));
  const handle = tcpHandleOf(near);
  if (handle === undefined) throw new Error('a TCP socket without a handle to write to');
  return { near, handle, far, read: () => Buffer.concat(pieces).toString() };
}

/** Larger than what the kernel takes from somebody whose other side does not read. */
const LARGE = 32 * 1024 * 1024;

const comesTo = (read: () => string, text: string): Promise<string> =>
  eventually(read, (current) => current.length >= text.length);

describe('writing past the stream', () => {
  it('arrives, in order with what the stream writes', async () => {
    const { near, handle, read } = await pair();
    expect(writeTo(handle, near, Buffer.from('one '))).toBe('written');
    expect(writeTo(handle, near, Buffer.from('two '))).toBe('written');
    near.write('three ');
    expect(writeTo(handle, near, Buffer.from('four'))).toBe('written');
    expect(await comesTo(read, 'one two three four')).toBe('one two three four');
  });

  it('leaves the stream out of it', async () => {
    const { near, handle, read } = await pair();
    // The first write of a process goes through a stream, which shows how it is done.
    writeTo(handle, near, Buffer.from('first '));
    near.write = () => {
      throw new Error('the stream was used');
    };
    expect(writeTo(handle, near, Buffer.from('second'))).toBe('written');
    expect(await comesTo(read, 'first second')).toBe('first second');
    expect(Object.hasOwn(handle, 'writeBuffer')).toBe(false);
  });

  it('says that something waits while the other side does not read, and loses nothing of it', async () => {
    const { near, handle, far, read } = await pair();
    writeTo(handle, near, Buffer.from('a'));
    await comesTo(read, 'a');
    far.pause();
    const large = Buffer.alloc(LARGE, 'b');
    expect(writeTo(handle, near, large)).toBe('waiting');
    expect(unsentBytesOf(near)).toBeGreaterThan(0);
    near.write('c');
    far.resume();
    const all = `a${large.toString()}c`;
    expect((await comesTo(read, all)) === all).toBe(true);
    expect(unsentBytesOf(near)).toBe(0);
  });

  it('goes on writing to others while one of them waits', async () => {
    const [stalled, other] = [await pair(), await pair()];
    writeTo(other.handle, other.near, Buffer.from('1'));
    stalled.far.pause();
    expect(writeTo(stalled.handle, stalled.near, Buffer.alloc(LARGE))).toBe('waiting');
    for (const text of ['2', '3']) expect(writeTo(other.handle, other.near, Buffer.from(text))).toBe('written');
    expect(await comesTo(other.read, '123')).toBe('123');
  });

  it('is refused on a socket that is gone', async () => {
    const { near, handle } = await pair();
    writeTo(handle, near, Buffer.from('x'));
    near.destroy();
    expect(writeTo(handle, near, Buffer.from('y'))).toBe('refused');
    await once(near, 'close');
    expect(writeTo(handle, near, Buffer.from('z'))).toBe('refused');
    expect(tcpHandleOf(near)).toBeUndefined();
    expect(unsentBytesOf(near)).toBe(0);
  });

  it('survives a reset under a write that waits', async () => {
    const { near, handle, far } = await pair();
    writeTo(handle, near, Buffer.from('x'));
    far.pause();
    expect(writeTo(handle, near, Buffer.alloc(LARGE))).toBe('waiting');
    const closed = new Promise((resolve) => {
      near.once('close', resolve);
    });
    near.resume();
    far.resetAndDestroy();
    await closed;
    expect(writeTo(handle, near, Buffer.from('y'))).toBe('refused');
  });
});

describe('sockets that are not plain TCP', () => {
  it('are left to their streams', () => {
    expect(tcpHandleOf({ writable: true } as unknown as Socket)).toBeUndefined();
    expect(tcpHandleOf({ _handle: null } as unknown as Socket)).toBeUndefined();
    const tls = { writeBuffer: () => 0, writeQueueSize: 0, constructor: { name: 'TLSWrap' } };
    expect(tcpHandleOf({ _handle: tls } as unknown as Socket)).toBeUndefined();
    const changed = { writeQueueSize: 0, constructor: { name: 'TCP' } };
    expect(tcpHandleOf({ _handle: changed } as unknown as Socket)).toBeUndefined();
  });
});

import { jest } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

import { Logger } from '@nestjs/common';

import { checkStrategy, provenStrategy } from '../../../src/connections/tcp-probe.js';
import {
  CallerRequests,
  TcpWriter,
  tcpHandleOf,
  unsentBytesOf,
  type TcpHandle,
  type WriteRequest,
  type WriteStrategy,
} from '../../../src/connections/tcp-writer.js';
import { eventually } from '../../support/eventually.js';
import { cleanUp } from '../../support/teardown.js';

interface Pair {
  readonly near: Socket;
  readonly handle: TcpHandle;
  readonly far: Socket;
  /** Waits until the far side has read this number of bytes, and returns them as text. */
  readonly reads: (bytes: number) => Promise<string>;
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
  let bytesRead = 0;
  far.on('data', (piece: Buffer) => {
    pieces.push(piece);
    bytesRead += piece.length;
  });
  const reads = async (bytes: number): Promise<string> => {
    await eventually(
      () => bytesRead,
      (count) => count >= bytes,
    );
    return Buffer.concat(pieces).toString();
  };
  const handle = tcpHandleOf(near);
  if (handle === undefined) throw new Error('a TCP socket without a handle to write to');
  return { near, handle, far, reads };
}

/** Larger than what the kernel takes from somebody whose other side does not read. */
const LARGE = 32 * 1024 * 1024;

/** Writes as this version of Node lets it. */
const writer = new TcpWriter(await provenStrategy());

describe('TcpWriter', () => {
  it('TcpWriter keeps the order among its own bytes and those of the stream', async () => {
    const { near, handle, reads } = await pair();
    expect(writer.write(handle, Buffer.from('one '))).toBe('written');
    expect(writer.write(handle, Buffer.from('two '))).toBe('written');
    near.write('three ');
    expect(writer.write(handle, Buffer.from('four'))).toBe('written');
    expect(await reads(18)).toBe('one two three four');
  });

  it('TcpWriter does not use the stream', async () => {
    const { near, handle, reads } = await pair();
    near.write = () => {
      throw new Error('the stream was used');
    };
    expect(writer.write(handle, Buffer.from('first '))).toBe('written');
    expect(writer.write(handle, Buffer.from('second'))).toBe('written');
    expect(await reads(12)).toBe('first second');
  });

  it('TcpWriter reports what the kernel does not take, and loses nothing of it', async () => {
    const { near, handle, far, reads } = await pair();
    writer.write(handle, Buffer.from('a'));
    await reads(1);
    far.pause();
    const large = Buffer.alloc(LARGE, 'b');
    expect(writer.write(handle, large)).toBe('waiting');
    expect(unsentBytesOf(near)).toBeGreaterThan(0);
    near.write('c');
    far.resume();
    const all = `a${large.toString()}c`;
    expect((await reads(all.length)) === all).toBe(true);
    expect(unsentBytesOf(near)).toBe(0);
  });

  it('TcpWriter writes to other sockets while one of them waits', async () => {
    const [stalled, other] = [await pair(), await pair()];
    writer.write(other.handle, Buffer.from('1'));
    stalled.far.pause();
    expect(writer.write(stalled.handle, Buffer.alloc(LARGE))).toBe('waiting');
    for (const text of ['2', '3']) expect(writer.write(other.handle, Buffer.from(text))).toBe('written');
    expect(await other.reads(3)).toBe('123');
  });

  it('TcpWriter refuses to write to a destroyed socket', async () => {
    const { near, handle } = await pair();
    writer.write(handle, Buffer.from('x'));
    near.destroy();
    expect(writer.write(handle, Buffer.from('y'))).toBe('refused');
    await once(near, 'close');
    expect(writer.write(handle, Buffer.from('z'))).toBe('refused');
    expect(tcpHandleOf(near)).toBeUndefined();
    expect(unsentBytesOf(near)).toBe(0);
  });

  it('TcpWriter survives a reset of the connection while a write waits', async () => {
    const { near, handle, far } = await pair();
    writer.write(handle, Buffer.from('x'));
    far.pause();
    expect(writer.write(handle, Buffer.alloc(LARGE))).toBe('waiting');
    const closed = new Promise((resolve) => {
      near.once('close', resolve);
    });
    near.resume();
    far.resetAndDestroy();
    await closed;
    expect(writer.write(handle, Buffer.from('y'))).toBe('refused');
  });
});

describe('CallerRequests', () => {
  it('CallerRequests does not hand over a request again that is in use although nothing waits in the queue', () => {
    let used = -1;
    class Request {
      private readonly number = (made += 1);
      getAsyncId(): number {
        return this.number <= used ? this.number : -1;
      }
    }
    let made = 0;
    const handedOver: WriteRequest[] = [];
    const handle = {
      writeQueueSize: 0,
      writeBuffer(request: WriteRequest): number {
        expect(request.getAsyncId()).toBe(-1);
        handedOver.push(request);
        // Every second write is partial: it takes the request, and the kernel the rest at once.
        if (handedOver.length % 2 === 0) used = made;
        return 0;
      },
    } as unknown as TcpHandle;
    const strategy = new CallerRequests(Request);
    const outcomes = Array.from({ length: 6 }, () => strategy.write(handle, Buffer.from('x')));
    expect(outcomes).toEqual(['written', 'waiting', 'written', 'waiting', 'written', 'waiting']);
    expect(new Set(handedOver).size).toBe(3);
    expect(handedOver[1]).toMatchObject({ buffer: Buffer.from('x'), oncomplete: expect.any(Function) });
  });
});

describe('tcpHandleOf', () => {
  it('tcpHandleOf finds no handle below sockets that are not plain TCP', () => {
    expect(tcpHandleOf({ writable: true } as unknown as Socket)).toBeUndefined();
    expect(tcpHandleOf({ _handle: null } as unknown as Socket)).toBeUndefined();
    const tls = { writeBuffer: () => 0, writeQueueSize: 0, constructor: { name: 'TLSWrap' } };
    expect(tcpHandleOf({ _handle: tls } as unknown as Socket)).toBeUndefined();
    const changed = { writeQueueSize: 0, constructor: { name: 'TCP' } };
    expect(tcpHandleOf({ _handle: changed } as unknown as Socket)).toBeUndefined();
  });
});

describe('TcpWriter without a strategy', () => {
  it('TcpWriter leaves sockets to their streams and logs the reason once where no strategy is proven', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    cleanUp(() => warn.mockRestore());
    const streamsOnly = await TcpWriter.proven(() => Promise.reject(new Error('the handle has changed')));
    const { near, handle } = await pair();
    expect(streamsOnly.handleOf(near)).toBeUndefined();
    expect(streamsOnly.write(handle, Buffer.from('x'))).toBe('refused');
    expect(warn.mock.calls).toEqual([[expect.stringContaining('the handle has changed')]]);
  });

  it('TcpWriter never throws: after an unexpected error it leaves all sockets to their streams', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    cleanUp(() => warn.mockRestore());
    const failing = new TcpWriter({
      write: () => {
        throw new TypeError('writeBuffer takes something else');
      },
    });
    const { near, handle } = await pair();
    expect(failing.handleOf(near)).toBe(handle);
    expect(failing.write(handle, Buffer.from('x'))).toBe('failed');
    expect(failing.write(handle, Buffer.from('x'))).toBe('refused');
    expect(failing.handleOf(near)).toBeUndefined();
    expect(warn.mock.calls).toEqual([[expect.stringContaining('writeBuffer takes something else')]]);
  });
});

describe('checkStrategy', () => {
  const faults: readonly [string, (proven: WriteStrategy) => WriteStrategy['write'], string][] = [
    ['drops bytes', () => (_handle, bytes) => (bytes.length < 100 ? 'written' : 'waiting'), 'what waits does not show'],
    [
      'writes twice',
      (proven) => (handle, bytes) => {
        proven.write(handle, bytes);
        return proven.write(handle, bytes);
      },
      'bytes come in another order',
    ],
    [
      'does not report what waits',
      (proven) => (handle, bytes) => {
        const outcome = proven.write(handle, bytes);
        return outcome === 'waiting' ? 'written' : outcome;
      },
      'no write ever waits',
    ],
    [
      'reports that all writes wait',
      (proven) => (handle, bytes) => {
        const outcome = proven.write(handle, bytes);
        return outcome === 'written' ? 'waiting' : outcome;
      },
      'a short write waits',
    ],
    [
      'does not report errors',
      (proven) => (handle, bytes) => {
        const outcome = proven.write(handle, bytes);
        return outcome === 'refused' ? 'written' : outcome;
      },
      'a write after the end is taken',
    ],
    [
      'throws',
      () => () => {
        throw new TypeError('writeBuffer takes something else');
      },
      'writeBuffer takes something else',
    ],
  ];

  it.each(faults)('checkStrategy rejects a strategy that %s', async (_name, make, reason) => {
    const proven = await provenStrategy();
    await expect(checkStrategy({ write: make(proven) })).rejects.toThrow(reason);
  });

  it('checkStrategy accepts the strategy of this version of Node', async () => {
    await expect(checkStrategy(await provenStrategy())).resolves.toBeUndefined();
  });
});

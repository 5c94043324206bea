import type { Socket } from 'node:net';
import { setImmediate as immediate } from 'node:timers/promises';

import { resolveOptions } from '../../../src/config/resolve-options.js';
import { Outbox } from '../../../src/connections/outbox.js';
import { TcpWriter } from '../../../src/connections/tcp-writer.js';
import { Turn } from '../../../src/connections/turn.js';
import { JSON_WIRE } from '../../../src/connections/wire.js';
import { Telemetry } from '../../../src/telemetry/telemetry.js';
import { FakeSocket } from '../../simulation/fake-socket.js';

const BOUND = 1000;

interface Bench {
  readonly outbox: Outbox;
  readonly socket: FakeSocket;
  readonly telemetry: Telemetry;
  /** What the other side has read. */
  readonly read: () => string;
}

function bench(bound = BOUND): Bench {
  const pieces: Buffer[] = [];
  const socket = new FakeSocket((bytes) => pieces.push(bytes));
  const telemetry = new Telemetry();
  const turn = new Turn(resolveOptions({ nodeEnv: 'test' }), telemetry);
  const outbox = new Outbox(JSON_WIRE, socket as unknown as Socket, {
    bound,
    turn,
    writer: new TcpWriter(undefined),
    telemetry,
  });
  return { outbox, socket, telemetry, read: () => Buffer.concat(pieces).toString() };
}

const bytes = (length: number): Buffer => Buffer.alloc(length, 'x');

/** A bench whose other side does not read, with so many bytes written already. */
async function stalled(written: number, bound = BOUND): Promise<Bench> {
  const made = bench(bound);
  made.socket.stall();
  made.outbox.push(bytes(written));
  await immediate();
  return made;
}

describe('an outbox', () => {
  it('writes what came within a turn once, in order', async () => {
    const { outbox, telemetry, read } = bench();
    outbox.push(Buffer.from('one '));
    expect(outbox.offer(Buffer.from('two '))).toBe(true);
    outbox.push(Buffer.from('three'));
    expect([read(), outbox.backlog]).toEqual(['', 13]);
    await immediate();
    expect(read()).toBe('one two three');
    expect([telemetry.writes, telemetry.bytesOut, outbox.backlog]).toEqual([1, 13, 0]);
  });

  it('keeps the order of pieces large and small', async () => {
    const { outbox, read, telemetry } = bench();
    const large = 'y'.repeat(40_000);
    for (const text of ['a', large, 'b', large, 'c']) outbox.push(Buffer.from(text));
    await immediate();
    expect(read()).toBe(`a${large}b${large}c`);
    expect(telemetry.bytesOut).toBe(80_003);
  });

  it('does not collect without bound while one turn goes on', () => {
    const { outbox, socket } = bench();
    socket.stall();
    for (let pieces = 0; pieces < 100 && !outbox.stuck; pieces += 1) outbox.push(bytes(16_384));
    // It knows within the turn that the other side does not read.
    expect(outbox.full).toBe(true);
    expect(outbox.offer(bytes(1))).toBe(false);
  });

  it('writes nothing to a socket that is gone', async () => {
    const { outbox, socket, telemetry, read } = bench();
    outbox.push(bytes(10));
    socket.cut();
    await immediate();
    expect([read(), telemetry.writes, outbox.backlog]).toEqual(['', 0, 0]);
  });
});

describe('while the other side does not read, an outbox', () => {
  it('takes messages up to its bound, and replies beyond', async () => {
    const { outbox } = await stalled(BOUND - 1);
    expect([outbox.stuck, outbox.full]).toEqual([true, false]);
    expect(outbox.offer(bytes(1))).toBe(true);
    await immediate();
    expect([outbox.full, outbox.backlog]).toEqual([true, BOUND]);
    expect(outbox.offer(bytes(1))).toBe(false);
    outbox.push(bytes(5));
    expect(outbox.backlog).toBe(BOUND + 5);
  });

  it('takes a message larger than the bound while nothing waits', async () => {
    const { outbox, read } = bench();
    expect(outbox.offer(bytes(5 * BOUND))).toBe(true);
    await immediate();
    expect(read()).toHaveLength(5 * BOUND);
  });

  it('without a bound takes everything', async () => {
    const { outbox } = await stalled(10_000_000, 0);
    expect([outbox.stuck, outbox.full]).toEqual([true, false]);
    expect(outbox.offer(bytes(1))).toBe(true);
  });

  it('calls back once when the other side has read, in the order of asking', async () => {
    const { outbox, socket, read } = await stalled(BOUND);
    const called: number[] = [];
    outbox.whenRelieved(() => called.push(1));
    outbox.whenRelieved(() => called.push(2));
    await immediate();
    expect(called).toEqual([]);
    socket.resume();
    await immediate();
    expect(called).toEqual([1, 2]);
    expect([outbox.stuck, outbox.full]).toEqual([false, false]);
    expect(read()).toHaveLength(BOUND);
    outbox.whenRelieved(() => called.push(3));
    expect(called).toEqual([1, 2, 3]);
  });

  it('is not free again while most of its bound still waits', async () => {
    const { outbox, socket } = await stalled(BOUND);
    let relieved = false;
    outbox.whenRelieved(() => (relieved = true));
    outbox.push(bytes(BOUND));
    await immediate();
    // What was written first, and the empty write that tells of it.
    socket.readSome(2);
    await immediate();
    expect([relieved, outbox.stuck]).toEqual([false, true]);
    socket.resume();
    await immediate();
    expect([relieved, outbox.stuck]).toEqual([true, false]);
  });

  it('gives each callback a socket that can be stuck again', async () => {
    const { outbox, socket } = await stalled(BOUND);
    const called: number[] = [];
    outbox.whenRelieved(() => {
      called.push(1);
      socket.stall();
      outbox.push(bytes(BOUND));
      outbox.flush();
      outbox.whenRelieved(() => called.push(2));
    });
    socket.resume();
    await immediate();
    expect(called).toEqual([1]);
    socket.resume();
    await immediate();
    expect(called).toEqual([1, 2]);
  });
});

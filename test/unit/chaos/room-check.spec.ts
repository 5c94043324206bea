import type { RoomMessagePayload } from '../../../src/protocol/messages.js';
import type { Position } from '../../../src/protocol/position.js';
import { violationsOf, type Accepted } from '../../chaos/room-check.js';
import { RoomLog } from '../../chaos/room-log.js';

const at = (epoch: string, offset: number): Position => ({ epoch, offset });

/** A member that has joined an empty room. */
function member(name: string, start: Position = at('E', 0)): RoomLog {
  const log = new RoomLog(name, 'r');
  log.joined({ room: 'r', ...start });
  return log;
}

function gets(log: RoomLog, ...messages: readonly (readonly [offset: number, id: string])[]): RoomLog {
  for (const [offset, id] of messages) {
    log.message({ room: 'r', id, offset, data: id, timestamp: 0 } satisfies RoomMessagePayload);
  }
  return log;
}

function moves(log: RoomLog, to: Position): RoomLog {
  log.gap({ room: 'r', ...to, reason: 'epoch', recovered: true });
  return log;
}

function loses(log: RoomLog, to: Position): RoomLog {
  log.gap({ room: 'r', ...to, reason: 'epoch' });
  return log;
}

const accepted = (id: string, position: Position, n = position.offset): Accepted => ({
  ...position,
  id,
  line: 'l',
  n,
  sentAt: 0,
});

describe('the check of what members of a room were told', () => {
  it('has nothing against members who got everything, over epochs and connections', () => {
    const one = gets(moves(gets(member('one'), [1, 'a'], [2, 'b']), at('F', 2)), [3, 'c']);
    const two = gets(member('two'), [1, 'a']);
    two.joined({ room: 'r', ...at('F', 1), recovered: true });
    gets(two, [2, 'b'], [3, 'c']);
    const all = [accepted('a', at('E', 1)), accepted('b', at('E', 2)), accepted('c', at('F', 3))];
    expect(violationsOf([one, two], all)).toEqual([]);
  });

  it('has nothing against what was announced as lost, and may come again', () => {
    const one = gets(loses(gets(member('one'), [1, 'a'], [2, 'b']), at('F', 0)), [1, 'b'], [2, 'c']);
    const two = gets(loses(gets(member('two'), [1, 'a']), at('F', 1)), [2, 'c']);
    const all = [accepted('a', at('E', 1)), accepted('b', at('F', 1), 2), accepted('c', at('F', 2), 3)];
    expect(violationsOf([one, two], all)).toEqual([]);
  });

  it.each([
    ['a hole', () => [gets(member('one'), [1, 'a'], [3, 'c'])], /3 came after 1/],
    ['a message again', () => [gets(member('one'), [1, 'a'], [2, 'a'])], /a came twice/],
    ['two at one place', () => [gets(member('one'), [1, 'a']), gets(member('two'), [1, 'b'])], /a and b|b and a/],
    ['a lost one', () => [gets(member('one'), [1, 'x'], [2, 'b'])], /a at 1 of E, sent at 0, was lost/],
    ['the last one lost', () => [gets(member('one'), [1, 'a'])], /b at 2 of E, sent at 0, was lost/],
    ['a move that skips', () => [gets(moves(gets(member('one'), [1, 'a']), at('F', 2)), [3, 'b'])], /from 1 at 2/],
    [
      'a recovery into other messages',
      () => [
        gets(moves(gets(member('one'), [1, 'a'], [2, 'b']), at('F', 2)), [3, 'c']),
        gets(loses(gets(member('two'), [1, 'a'], [2, 'b']), at('F', 1)), [2, 'x']),
      ],
      /b became x at 2/,
    ],
    [
      'an epoch that comes back',
      () => [moves(moves(gets(member('one'), [1, 'a'], [2, 'b']), at('F', 2)), at('E', 2))],
      /came back/,
    ],
  ] as const)('finds %s', (_what, logs, violation) => {
    const all = [accepted('a', at('E', 1)), accepted('b', at('E', 2))];
    expect(violationsOf(logs(), all).join('; ')).toMatch(violation);
  });

  it('finds a loss that was announced for other messages only', () => {
    const log = gets(member('one'), [1, 'a']);
    log.gap({ room: 'r', ...at('E', 2), reason: 'trimmed' });
    gets(log, [3, 'c']);
    const all = [accepted('a', at('E', 1)), accepted('b', at('E', 2)), accepted('d', at('E', 4))];
    expect(violationsOf([log], all)).toEqual(['one in r: d at 4 of E, sent at 0, was lost']);
  });

  it('finds a publisher’s messages out of its order', () => {
    const log = gets(member('one'), [1, 'b'], [2, 'a']);
    const all = [accepted('b', at('E', 1), 2), accepted('a', at('E', 2), 1)];
    expect(violationsOf([log], all)).toEqual(['one in r: a came late']);
  });
});

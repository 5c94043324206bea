import { circlesIn } from '../../failover/circles.js';
import type { Sent } from '../../failover/ledger.js';
import { MemberLog } from '../../failover/member-log.js';
import { judge, withoutTakenAgain, type Columns } from '../../failover/verdict.js';

let now = 0;

beforeEach(() => {
  now = 0;
});

/** A member that has joined an empty room at time 1. */
function member(name: string): MemberLog {
  const log = new MemberLog(name, 'r', () => (now += 1));
  now = 0;
  log.joined({ room: 'r', epoch: 'E', offset: 0 }, 'n0');
  return log;
}

function gets(log: MemberLog, ...ids: readonly string[]): MemberLog {
  for (const id of ids) {
    log.message({ room: 'r', id, offset: (log.position?.offset ?? 0) + 1, data: null, timestamp: 0 }, 'n0');
  }
  return log;
}

function loses(log: MemberLog): MemberLog {
  log.gap({ room: 'r', epoch: 'F', offset: 0, reason: 'epoch' }, 'n0');
  return log;
}

/** A message of the publisher `p`, sent and acknowledged at 1.5: after the members have joined, before all else. */
function message(id: string, n = 0, change: Partial<Sent> = {}, at = 1.5): Sent {
  return {
    id,
    room: 'r',
    publisher: 'p',
    n,
    attempts: [{ at, node: 'n0' }],
    acknowledgements: [{ at, node: 'n0', epoch: 'E', offset: n + 1, duplicate: false }],
    ...change,
  };
}

function sent(ids: readonly string[], at?: number): Sent[] {
  return ids.map((id, n) => message(id, n, {}, at));
}

/** A message that was repeated after its acknowledgement. */
function takenAgain(duplicate: boolean, offset = 1): Sent[] {
  const { acknowledgements } = message('a');
  const again = { at: 9, node: 'n1', epoch: 'F', offset, duplicate };
  return [message('a', 0, { acknowledgements: [...acknowledgements, again] })];
}

/** The node that acknowledged all messages was killed. */
function killed(at: number): Map<string, number> {
  return new Map([['n0', at]]);
}

function historyOf(ids: readonly string[]): Map<string, number> {
  return new Map(ids.map((id, index) => [id, index + 1]));
}

function columns(
  logs: readonly MemberLog[],
  messages = sent(['a', 'b', 'c']),
  history = ['a', 'b', 'c'],
  deaths: ReadonlyMap<string, number> = new Map(),
): Columns {
  return judge([{ room: 'r', messages, logs, history: historyOf(history), deaths }]).columns;
}

const NO_FAULT = { lostAndTold: 0, lostAndUntold: 0, twice: 0, order: 0, publisherOrder: 0, announcedForNothing: 0 };

describe('The verdict on a failover', () => {
  it('finds nothing when every member gets every message once and in one order', () => {
    const two = gets(member('two'), 'a');
    two.gone('n0', 'cut');
    two.joined({ room: 'r', epoch: 'F', offset: 1, recovered: true }, 'n1');
    expect(columns([gets(member('one'), 'a', 'b', 'c'), gets(two, 'b', 'c')])).toMatchObject({
      ...NO_FAULT,
      acknowledged: 3,
      deliveries: 6,
      announcements: 0,
      epochsPerRoom: 2,
    });
  });

  it('counts an acknowledged message that never came as untold without an announcement', () => {
    expect(columns([gets(member('one'), 'a', 'c')])).toMatchObject({ ...NO_FAULT, lostAndUntold: 1 });
  });

  it('counts a lost message as forgotten when all nodes that had it were killed before the room continued', () => {
    const acknowledgement = { at: 1.5, node: 'n0', epoch: 'E.1', offset: 2, duplicate: false };
    const messages = [message('a'), message('b', 1, { acknowledgements: [acknowledgement] }), message('c', 2)];
    const continued = (): MemberLog => {
      const log = gets(member('one'), 'a');
      log.gap({ room: 'r', epoch: 'F.2', offset: 1, reason: 'epoch', recovered: true }, 'n1');
      return gets(log, 'c');
    };
    const untold = { lostAndForgotten: 0, lostAndUntold: 1 };
    expect(columns([continued()], messages)).toMatchObject(untold);
    // It lived when the room continued, and could have reported the message.
    expect(columns([continued()], messages, undefined, killed(9))).toMatchObject(untold);
    expect(columns([continued()], messages, undefined, killed(2.6))).toMatchObject({
      lostAndForgotten: 1,
      lostAndUntold: 0,
    });
    const receiver = gets(member('two'), 'a');
    receiver.message({ room: 'r', id: 'b', offset: 2, data: null, timestamp: 0 }, 'n1');
    gets(receiver, 'c');
    expect(columns([continued(), receiver], messages, undefined, killed(2.6))).toMatchObject(untold);
  });

  it('counts a lost message as told when a loss was announced after it was sent', () => {
    const log = gets(loses(gets(member('one'), 'a')), 'c');
    expect(columns([log], undefined, ['c'])).toMatchObject({ ...NO_FAULT, lostAndTold: 1 });
  });

  it('counts a lost message as told when a join was answered with recovered: false', () => {
    const log = gets(member('one'), 'a');
    log.joined({ room: 'r', epoch: 'F', offset: 1, recovered: false, reason: 'epoch' }, 'n1');
    expect(columns([gets(log, 'c')], undefined, ['c'])).toMatchObject({ ...NO_FAULT, lostAndTold: 1 });
  });

  it('takes neither an earlier announcement nor one that says recovered for the announcement of a loss', () => {
    const log = loses(member('one'));
    log.gap({ room: 'r', epoch: 'G', offset: 0, reason: 'epoch', recovered: true }, 'n0');
    expect(columns([gets(log, 'a', 'c')], sent(['a', 'b', 'c'], 2.5))).toMatchObject({ lostAndUntold: 1 });
  });

  it('asks for no message that was sent before the first join, or never acknowledged', () => {
    const messages = [message('a', 0, {}, 0.5), message('b', 1, { acknowledgements: [] })];
    expect(columns([member('one')], messages)).toMatchObject(NO_FAULT);
  });

  it('counts a second delivery of an id, also after an announced loss', () => {
    const log = gets(loses(gets(member('one'), 'a', 'b')), 'b', 'c');
    expect(columns([log], undefined, ['b', 'c'])).toMatchObject({ ...NO_FAULT, twice: 1 });
  });

  it('counts members whose orders contradict each other', () => {
    const messages = ['a', 'b', 'c'].map((id) => message(id, 0, { publisher: id }));
    const logs = [gets(member('1'), 'a', 'b'), gets(member('2'), 'b', 'c'), gets(member('3'), 'c', 'a')];
    expect(columns([...logs, gets(member('4'), 'a')], messages)).toMatchObject({ order: 3, publisherOrder: 0 });
  });

  it("counts a publisher's message that came after a newer one", () => {
    expect(columns([gets(member('one'), 'a', 'c', 'b')])).toMatchObject({ ...NO_FAULT, publisherOrder: 1 });
  });

  it('counts an announcement as needless only when neither the member nor the room lacks anything', () => {
    const told = (): MemberLog => gets(loses(gets(member('one'), 'a')), 'b', 'c');
    expect(columns([told()])).toMatchObject({ ...NO_FAULT, announcements: 1, announcedForNothing: 1 });
    expect(columns([told()], undefined, ['b', 'c'])).toMatchObject({ announcements: 1, announcedForNothing: 0 });
    expect(columns([told()], undefined, ['b', 'a', 'c'])).toMatchObject({ announcements: 1, announcedForNothing: 0 });
    const lacking = gets(loses(gets(member('one'), 'a')), 'c');
    expect(columns([lacking])).toMatchObject({ announcements: 1, announcedForNothing: 0, lostAndTold: 1 });
  });

  it('counts a delivery that passes over an offset without an announcement', () => {
    const log = gets(member('one'), 'a');
    log.message({ room: 'r', id: 'c', offset: 3, data: null, timestamp: 0 }, 'n0');
    expect(columns([log])).toMatchObject({ jumps: 1 });
    expect(columns([gets(loses(gets(member('one'), 'a')), 'b', 'c')])).toMatchObject({ jumps: 0 });
  });

  it('counts messages that the server took again after their acknowledgement', () => {
    const log = gets(member('one'), 'a');
    expect(columns([log], takenAgain(true))).toMatchObject({ takenAgain: 0 });
    expect(columns([log], takenAgain(false))).toMatchObject({ takenAgain: 1 });
    expect(columns([log], takenAgain(true, 2))).toMatchObject({ takenAgain: 1 });
  });

  it('counts messages that the server took again before it acknowledged them', () => {
    const log = gets(member('one'), 'a', 'b', 'a');
    const attempts = [1.5, 9].map((at) => ({ at, node: 'n0' }));
    expect(columns([log], [message('a', 0, { attempts })])).toMatchObject({ takenAgain: 1 });
    expect(columns([log], [message('a')])).toMatchObject({ takenAgain: 0 });
  });

  it('counts no fault of a message that was taken again once such messages are left out', () => {
    const [b, c] = [message('b', 2), message('c', 3)];
    const logs = [gets(member('one'), 'a', 'b', 'a', 'b')];
    const record = {
      room: 'r',
      messages: [...takenAgain(false), b, c],
      logs,
      history: historyOf(['a', 'b', 'c']),
      deaths: new Map<string, number>(),
    };
    expect(judge([record]).columns).toMatchObject({ ...NO_FAULT, twice: 2, lostAndUntold: 1 });
    expect(judge([withoutTakenAgain(record)]).columns).toMatchObject({ ...NO_FAULT, twice: 1, lostAndUntold: 1 });
  });
});

/** Edges written as pairs of letters. */
function edges(text: string): Map<string, Set<string>> {
  const result = new Map<string, Set<string>>();
  for (const [from = '', to = ''] of text.split(' ')) result.set(from, (result.get(from) ?? new Set()).add(to));
  return result;
}

describe('The search for circles', () => {
  it.each([
    ['none in a line', 'ab bc ac', []],
    ['one, with a way in and a way out', 'xa ab bc ca cy', ['abc']],
    ['two that are connected one way', 'ab ba bc cd dc', ['ab', 'cd']],
    ['two that share a node as one', 'ab bc ca cd de ec', ['abcde']],
    ['none in a node that follows itself', 'aa ab', []],
  ])('finds %s', (_what, text, expected) => {
    const circles = circlesIn(edges(text)).map((circle) => circle.toSorted().join(''));
    expect(circles.toSorted()).toEqual(expected);
  });

  it('follows a line of a hundred thousand nodes', () => {
    const line = new Map(Array.from({ length: 100_000 }, (_, n) => [`${n}`, new Set([`${n + 1}`])]));
    expect(circlesIn(line)).toEqual([]);
    expect(circlesIn(line.set('100000', new Set(['0'])))[0]).toHaveLength(100_001);
  });
});

import { circlesIn } from './circles.js';
import { sentAt, type Sent } from './ledger.js';
import type { Announcement, MemberLog } from './member-log.js';

/** All records of a room at the end of a run. */
export interface RoomRecord {
  readonly room: string;
  readonly messages: readonly Sent[];
  readonly logs: readonly MemberLog[];
  /** The room's history at the end: offsets by the ids of the messages. */
  readonly history: ReadonlyMap<string, number>;
  /** Times at which node processes were killed, by their names. */
  readonly deaths: ReadonlyMap<string, number>;
}

/** Columns that count broken promises. */
export const FAULTS = ['lostAndUntold', 'twice', 'order', 'publisherOrder', 'announcedForNothing'] as const;
/** Columns that describe the run. */
const FIGURES = [
  'acknowledged',
  'deliveries',
  'announcements',
  'takenAgain',
  'jumps',
  'epochsPerRoom',
  'lostAndTold',
  'lostAndForgotten',
] as const;

export type Column = (typeof FAULTS)[number] | (typeof FIGURES)[number];
export type Columns = Readonly<Record<Column, number>>;

/** One case that a column counts. */
export interface Finding {
  readonly column: Column;
  readonly log: MemberLog;
  readonly at: number;
  readonly messages: readonly Sent[];
  readonly what: string;
}

export interface Verdict {
  readonly columns: Columns;
  readonly findings: readonly Finding[];
}

/** Judges what the members of all rooms received. `epochsPerRoom` is the mean over the rooms. */
export function judge(rooms: readonly RoomRecord[]): Verdict {
  const findings = rooms.flatMap((room) => [
    ...losses(room),
    ...repetitions(room),
    ...contradictions(room),
    ...overtakings(room),
    ...jumps(room),
    ...needlessAnnouncements(room),
  ]);
  const count = (column: Column): number => findings.filter((finding) => finding.column === column).length;
  const sum = (of: (room: RoomRecord) => number): number => rooms.reduce((total, room) => total + of(room), 0);
  return {
    findings,
    columns: {
      acknowledged: sum(({ messages }) => messages.filter(isAcknowledged).length),
      deliveries: sum(({ logs }) => logs.flatMap(({ deliveries }) => deliveries).length),
      announcements: sum(({ logs }) => logs.flatMap(({ announcements }) => announcements).length),
      takenAgain: sum((room) => takenAgain(room).size),
      jumps: count('jumps'),
      epochsPerRoom: Math.round((10 * sum(({ logs }) => epochsIn(logs).size)) / Math.max(1, rooms.length)) / 10,
      lostAndTold: count('lostAndTold'),
      lostAndForgotten: count('lostAndForgotten'),
      lostAndUntold: count('lostAndUntold'),
      twice: count('twice'),
      order: new Set(findings.flatMap(({ column, log }) => (column === 'order' ? log : []))).size,
      publisherOrder: count('publisherOrder'),
      announcedForNothing: count('announcedForNothing'),
    },
  };
}

/**
 * Leaves out messages that the server accepted a second time because it lost their ids. Remaining findings have another
 * cause.
 */
export function withoutTakenAgain(record: RoomRecord): RoomRecord {
  const ids = takenAgain(record);
  const messages = record.messages.filter(({ id }) => !ids.has(id));
  return { ...record, messages, logs: record.logs.map((log) => log.without(ids)) };
}

function isAcknowledged({ acknowledgements }: Sent): boolean {
  return acknowledgements.length > 0;
}

/**
 * Returns the ids of messages that the server accepted more than once: they were acknowledged or delivered under
 * several offsets, after the publisher had retried.
 */
function takenAgain({ messages, logs }: RoomRecord): ReadonlySet<string> {
  const offsets = new Map<string, Set<number>>();
  for (const { id, offset } of logs.flatMap(({ deliveries }) => deliveries)) {
    offsets.set(id, (offsets.get(id) ?? new Set()).add(offset));
  }
  const isTakenAgain = ({ id, attempts, acknowledgements }: Sent): boolean => {
    const [, ...later] = acknowledgements;
    const all = new Set([...(offsets.get(id) ?? []), ...acknowledgements.map(({ offset }) => offset)]);
    return later.some(({ duplicate }) => !duplicate) || ((attempts.length > 1 || later.length > 0) && all.size > 1);
  };
  return new Set(messages.filter(isTakenAgain).map(({ id }) => id));
}

export function epochsIn(logs: readonly MemberLog[]): Set<string> {
  const epochs = new Set<string>();
  for (const entry of logs.flatMap(({ entries }) => entries)) {
    if (entry.kind === 'delivery') epochs.add(entry.epoch);
    else if (entry.kind !== 'gone') epochs.add(entry.to.epoch);
  }
  return epochs;
}

/** Returns acknowledged messages, sent since the member's first join, that the member never received. */
function missing(log: MemberLog, messages: readonly Sent[]): Sent[] {
  const { joinedAt } = log;
  if (joinedAt === undefined) return [];
  const got = new Set(log.ids);
  return messages.filter((message) => isAcknowledged(message) && sentAt(message) > joinedAt && !got.has(message.id));
}

function losses({ logs, messages, deaths }: RoomRecord): Finding[] {
  const told = toldPositions(logs, messages);
  const deliveries = logs.flatMap((log) => log.deliveries);
  // All nodes that had it were killed before the room continued: PROTOCOL.md excepts this case.
  const isForgotten = ({ id, acknowledgements }: Sent): boolean => {
    const witnesses = [...acknowledgements, ...deliveries.filter((delivery) => delivery.id === id)];
    return witnesses.every(({ node, epoch }) => {
      const later = told.filter((each) => beganAt(each) > beganAt({ epoch }));
      const continuedAt = Math.min(...later.map(({ at }) => at));
      return (deaths.get(node) ?? Infinity) < continuedAt;
    });
  };
  return logs.flatMap((log) => {
    const { announcements } = log;
    return missing(log, messages).map((message) => {
      const at = sentAt(message);
      const isTold = announcements.some((announcement) => announcement.at > at);
      const column = isTold ? 'lostAndTold' : isForgotten(message) ? 'lostAndForgotten' : 'lostAndUntold';
      return { column, log, at, messages: [message], what: `${message.id} never came` };
    });
  });
}

/** Returns the positions that anybody heard of, with the times. */
function toldPositions(logs: readonly MemberLog[], messages: readonly Sent[]): { epoch: string; at: number }[] {
  const entries = logs.flatMap(({ entries: all }) => all);
  const heard = entries.flatMap((entry) => {
    if (entry.kind === 'gone') return [];
    return { epoch: entry.kind === 'delivery' ? entry.epoch : entry.to.epoch, at: entry.at };
  });
  return [...heard, ...messages.flatMap(({ acknowledgements }) => acknowledgements)];
}

/** Returns the start time of an epoch, with which its name ends. */
function beganAt({ epoch }: { readonly epoch: string }): number {
  return Number(epoch.slice(epoch.lastIndexOf('.') + 1));
}

function repetitions({ logs, messages }: RoomRecord): Finding[] {
  const byId = indexOf(messages);
  return logs.flatMap((log) => {
    const seen = new Map<string, number>();
    return log.deliveries.flatMap(({ id, at }) => {
      const before = seen.get(id);
      seen.set(id, at);
      if (before === undefined) return [];
      const what = `${id} came at ${before} and again at ${at}`;
      return { column: 'twice', log, at, messages: [byId.get(id) ?? []].flat(), what } as const;
    });
  });
}

/** Returns members that received two messages in another order than other members did. */
function contradictions({ logs, messages }: RoomRecord): Finding[] {
  const byId = indexOf(messages);
  const edges = new Map<string, Set<string>>();
  const sequences = logs.map((log) => ({ log, ids: log.ids }));
  for (const { ids } of sequences) {
    for (const [index, id] of ids.entries()) {
      const next = ids[index + 1];
      if (next !== undefined) edges.set(id, (edges.get(id) ?? new Set()).add(next));
    }
  }
  const circleOf = new Map(circlesIn(edges).flatMap((circle, n) => circle.map((id) => [id, n] as const)));
  return sequences.flatMap(({ log, ids }) => {
    const at = ids.findIndex((id, index) => {
      const circle = circleOf.get(id);
      return circle !== undefined && circle === circleOf.get(ids[index + 1] ?? '');
    });
    if (at < 0) return [];
    const pair = ids.slice(at, at + 2);
    const circle = [...circleOf].filter(([, n]) => n === circleOf.get(pair[0] ?? '')).map(([id]) => id);
    return {
      column: 'order',
      log,
      at: log.deliveries.find(({ id }) => id === pair[1])?.at ?? 0,
      messages: pair.flatMap((id) => byId.get(id) ?? []),
      what: `${pair.join(' before ')}, on a circle of ${circle.length}: ${circle.slice(0, 8).join(', ')}`,
    } as const;
  });
}

/** Returns deliveries of a publisher's message after a newer one of that publisher, repetitions excluded. */
function overtakings({ logs, messages }: RoomRecord): Finding[] {
  const byId = indexOf(messages);
  return logs.flatMap((log) => {
    const newest = new Map<string, Sent>();
    const seen = new Set<string>();
    return log.deliveries.flatMap(({ id, at }) => {
      const message = byId.get(id);
      if (message === undefined || seen.has(id)) return [];
      seen.add(id);
      const before = newest.get(message.publisher);
      if (before === undefined || before.n < message.n) {
        newest.set(message.publisher, message);
        return [];
      }
      const what = `${id} came after ${before.id}`;
      return { column: 'publisherOrder', log, at, messages: [message, before], what } as const;
    });
  });
}

/** Returns deliveries that skip an offset without an announcement. */
function jumps({ logs, messages }: RoomRecord): Finding[] {
  const byId = indexOf(messages);
  return logs.flatMap((log) => {
    let offset: number | undefined;
    return log.entries.flatMap((entry) => {
      const before = offset;
      if (entry.kind === 'gone') return [];
      offset = entry.kind === 'delivery' ? entry.offset : entry.to.offset;
      if (entry.kind !== 'delivery' || before === undefined || offset === before + 1) return [];
      const what = `${entry.id} at ${offset} came after ${before}`;
      return { column: 'jumps', log, at: entry.at, messages: [byId.get(entry.id) ?? []].flat(), what } as const;
    });
  });
}

/**
 * Returns announced losses of members that lack nothing, in rooms that lost none of their messages. A message that was
 * lost and accepted again since the member's last announcement counts as lost.
 */
function needlessAnnouncements({ logs, messages, history }: RoomRecord): Finding[] {
  const moved = movedAt(logs, messages, history);
  return logs.flatMap((log) => {
    const lacking = missing(log, messages);
    const isNeedless = ({ reason, at }: Announcement, since: number): boolean =>
      reason === 'epoch' &&
      lacking.every((message) => sentAt(message) >= at) &&
      log.deliveries.every((delivery) => delivery.at > at || history.has(delivery.id)) &&
      !moved.some((time) => time >= since && time <= at);
    const { announcements } = log;
    return announcements
      .filter((each, index) => isNeedless(each, announcements[index - 1]?.at ?? log.joinedAt ?? 0))
      .map(({ at, by, from, to }) => {
        const what = `${by} from ${from?.epoch}:${from?.offset} to ${to.epoch}:${to.offset}, with nothing lost`;
        return { column: 'announcedForNothing', log, at, messages: [], what } as const;
      });
  });
}

/** Returns the times at which a message was reported under another offset than its final one. */
function movedAt(
  logs: readonly MemberLog[],
  messages: readonly Sent[],
  history: ReadonlyMap<string, number>,
): readonly number[] {
  const isMoved = (id: string, offset: number): boolean => (history.get(id) ?? offset) !== offset;
  return [
    ...logs.flatMap(({ deliveries }) => deliveries.filter(({ id, offset }) => isMoved(id, offset)).map(({ at }) => at)),
    ...messages.flatMap(({ id, acknowledgements }) =>
      acknowledgements.filter(({ offset }) => isMoved(id, offset)).map(({ at }) => at),
    ),
  ];
}

function indexOf(messages: readonly Sent[]): ReadonlyMap<string, Sent> {
  return new Map(messages.map((message) => [message.id, message]));
}

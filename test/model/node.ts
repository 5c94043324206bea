import { same, type Knowledge, type Leg, type Now, type Place } from './epochs.js';
import type { Room } from './room.js';
import type { Message } from './verdict.js';

export interface Server {
  readonly run: number;
  room: Room<Message>;
  isUp: boolean;
}

export interface Delivery {
  readonly at: Place;
  readonly message: Message;
}

/** The part of a node that concerns the room. Its live members are all at its position. */
export interface Node {
  id: number;
  server: Server;
  isStopped: boolean;
  /** Deliveries that have not arrived yet. */
  queue: Delivery[];
  position: Place | undefined;
  known: Knowledge;
  /** The room's recent epochs, each with its start. */
  legs: Leg[];
  recent: Delivery[];
}

export interface Member {
  readonly id: number;
  node: Node | undefined;
  position: Place | undefined;
  readonly got: Message[];
  /** How many messages had been accepted when it joined for the first time. */
  since: number | undefined;
  /** For each announced loss, how many messages had been accepted by then. */
  readonly told: number[];
}

/** Returns what a node reports: also the position in an earlier epoch that its last one implies. */
export function knowledgeOf({ known, legs }: Node): Knowledge {
  const last = known.seen.at(-1);
  if (last === undefined || last.canBeLost) return known;
  const leg = legs.findLast(({ epoch, base, lossy }) => !same(epoch, last.epoch) && (base < last.offset || lossy));
  if (leg === undefined) return known;
  return { ...known, seen: [{ epoch: leg.epoch, offset: last.offset, canBeLost: true }, ...known.seen] };
}

/** Restores what the node has seen and the room lacks. */
export function giveBack(node: Node, listener: number | undefined, now: Now): void {
  const { room } = node.server;
  const { epoch, offset } = room.head;
  const known = knowledgeOf(node);
  if (!room.hasLessThan(known.seen)) return;
  const index = node.legs.findIndex((leg) => same(leg.epoch, epoch));
  const [root] = node.legs;
  const fromRoot = offset === 0 && root?.base === 0;
  const start = fromRoot ? root : { epoch, base: offset, lossy: false };
  const legs = fromRoot ? node.legs.slice(1) : index < 0 ? [] : node.legs.slice(index + 1);
  const messages: Message[] = [];
  let present = start.epoch;
  for (let reached = offset; ; reached += 1) {
    for (const leg of legs) if (leg.base === reached) present = leg.epoch;
    const next = node.recent.find((each) => same(each.at.epoch, present) && each.at.offset === reached + 1);
    if (next === undefined) break;
    messages.push(next.message);
  }
  room.restore(start, legs, offset + 1, messages, known, listener, now);
}

/** Records an epoch of the room. */
export function enter(node: Node, leg: Leg): void {
  const others = node.legs.filter(({ epoch }) => !same(epoch, leg.epoch));
  const later = others.filter(({ epoch }) => epoch.began > leg.epoch.began);
  // The server lost each epoch that began after the offset from which a later one continues.
  if (later.some(({ base }) => base < leg.base)) return;
  const earlier = others.filter(({ epoch, base }) => epoch.began <= leg.epoch.began && base <= leg.base);
  node.legs = [...earlier, leg, ...later];
}

/** @param canBeLost whether the epoch has messages up to there, or began with a loss */
export function see(node: Node, place: Place, canBeLost: boolean): void {
  const { seen, ...rest } = node.known;
  const before = seen.find(({ epoch }) => same(epoch, place.epoch));
  if (before !== undefined && before.offset >= place.offset) return;
  // Without a subscription, the publish has reported all that was known before.
  const others = node.position === undefined ? [] : seen.filter((each) => each !== before);
  node.known = { seen: [...others, { ...place, canBeLost: canBeLost || before?.canBeLost === true }], ...rest };
}

/** Records that the node got the room's position after it reported what it knew. */
export function hear(node: Node): void {
  node.known = { seen: node.known.seen.slice(-1), run: node.server.run };
}

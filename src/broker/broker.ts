import type { LossReason, Position } from '../protocol/position.js';
import type { NumberedPublication, Publication, PublishRequest, PublishResult } from './publication.js';

/** A broker in this process answers at once, one over a network later; callers take either. */
export type MaybePromise<T> = T | Promise<T>;

/** How much of the history to read at one time. */
export interface PageLimit {
  readonly count: number;
  /** At least one publication comes, however large. */
  readonly bytes: number;
}

/** A run of a room's history. */
export interface HistoryPage {
  /** Where the room stands. */
  readonly head: Position;
  /** The run starts after this offset of the head's epoch: the one asked for, unless `lost` says otherwise. */
  readonly after: number;
  /** Numbered `after + 1`, `after + 2`, … without a gap. */
  readonly publications: readonly NumberedPublication[];
  /** Set when messages between the position asked for and `after` are gone, or the position is of another history. */
  readonly lost?: LossReason;
}

/** Gets what the broker delivers to this node. */
export interface BrokerListener {
  onPublication(room: string, epoch: string, publication: Publication): void;
  /** Told where a room stands, now and then, and whenever deliveries may have been lost. */
  onPosition?(room: string, head: Position): void;
}

/**
 * Owns the order of each room. Guarantees, which one suite of contract tests holds every implementation to:
 *
 * - `publish` is atomic: the check for a repeated id, the next offset, the append to the history with its trimming,
 *   and the delivery to the nodes that subscribe happen as one step, or none does.
 * - Publishes to a room, called one after the other from one node, are numbered in the order of the calls.
 * - Offsets of one epoch are 1, 2, 3, … for each room. An epoch never comes back with other messages in it: whoever
 *   has seen offset n of an epoch and reads on after n gets the room's messages, or is told what is lost.
 * - Deliveries to a node are in the order of the offsets. One may be lost on the way, which the offsets show; one may
 *   come twice.
 * - `subscribe` answers with a position such that every later publication is delivered, and none before it is needed.
 * - A room may go on in a new epoch with nothing lost: `history` then answers with that epoch and without `lost`, and
 *   the offsets up to where it was read from mean the same messages in both.
 * - Volatile publications have no offset, are not kept, and are delivered at most once.
 *
 * Failures: every method may reject with {@link BrokerUnavailableError}; nothing is known then about whether a publish
 * took effect, and repeating it with the same id is safe.
 */
export interface Broker {
  /** Where deliveries go. Set once, before the first `subscribe`. */
  listen(listener: BrokerListener): void;
  publish(request: PublishRequest): MaybePromise<PublishResult>;
  /** Starts delivery of a room's publications to this node. */
  subscribe(room: string): MaybePromise<Position>;
  unsubscribe(room: string): MaybePromise<void>;
  /**
   * Reads on after a position.
   *
   * @param after the position last seen; undefined reads from the oldest message kept
   */
  history(room: string, after: Position | undefined, limit: PageLimit): MaybePromise<HistoryPage>;
  /**
   * Keeps how far a user has dealt with a room's messages, for as long as the room's history. A position behind the one
   * kept, of the same epoch, changes nothing.
   */
  acknowledge(room: string, userId: string, position: Position): MaybePromise<void>;
  /** The position kept for the user; undefined where there is none. */
  acknowledged(room: string, userId: string): MaybePromise<Position | undefined>;
  /** Resolves when the broker answers; rejects when it does not within a bounded time. */
  ping(): Promise<void>;
  /**
   * False while what is asked for is known to fail, so that new connections can be refused before they are made. Asked
   * at every upgrade: it tells what is known, and asks nobody. A broker without it is always ready.
   *
   * @param room asks for this room alone: false if it is known that it cannot be joined now
   */
  isReady?(room?: string): boolean;
  /** Says which part of the rooms cannot be used now, and why; undefined if all can be. It asks nobody. */
  impairment?(): string | undefined;
}
export const Broker = Symbol('Broker');

/** The broker cannot be reached. */
export class BrokerUnavailableError extends Error {
  override readonly name = 'BrokerUnavailableError';
}

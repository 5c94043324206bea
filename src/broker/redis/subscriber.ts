import { Logger } from '@nestjs/common';
import type { Position } from '../../protocol/position.js';
import { BrokerUnavailableError } from '../broker.js';
import { Batch } from './batch.js';
import { retryRedisClient, type RedisClient } from './redis-client.js';
import type { Leg } from './replies.js';
import { readDelivery, type Delivery } from './frames.js';
import { missingRight } from './rights.js';
import type { SentinelWatch } from './sentinel-watch.js';

/** Limit on the channels in one command. */
const CHANNELS_AT_ONCE = 500;

/** Limit on the epochs whose end was not reported to Redis yet. */
const MAX_UNTOLD = 8;
/** As many as Redis remembers. */
const MAX_LEGS = 9;

/** Last known position of a room in an epoch. */
export interface Seen extends Position {
  /** The epoch has something that can be lost: messages up to there, or the report of the loss that it began with. */
  readonly canBeLost: boolean;
}

/** A room that this node gets deliveries of. */
export class Subscription {
  /** How far deliveries have come, or where the room was when they began. */
  seen: Seen | undefined;
  /** How far they had come in epochs before, until Redis has been told: it may have lost the end of one, or all of it. */
  untold: readonly Seen[] = [];
  /** The room's recent epochs, the oldest first. */
  legs: readonly Leg[] = [];
  /** Run of Redis that last reported the room's position. */
  run: string | undefined;
  /** Intervals since the room was published to, as far as this node knows; undefined if it is compared rarely. */
  quietFor: number | undefined;
  /** Where the room was ahead of the deliveries when they were last compared: once is no proof that one was lost. */
  suspected: number | undefined;
  /** Deliveries did not come though the connection was there: a server may have ended the subscription by itself. */
  isDeaf = false;

  constructor(
    readonly room: string,
    readonly channel: string,
  ) {}

  /**
   * Takes a position that the room is known to have reached.
   *
   * @param base where its epoch begins
   */
  reach(epoch: string, offset: number, base: number): void {
    const { seen } = this;
    if (seen?.epoch === epoch) {
      if (seen.offset < offset) this.seen = { epoch, offset, canBeLost: true };
      return;
    }
    this.enter({ epoch, base, isLossy: false });
    if (seen !== undefined) this.untold = [...this.untold, seen].slice(-MAX_UNTOLD);
    const isLossy = this.legs.some((leg) => leg.epoch === epoch && leg.isLossy);
    this.seen = { epoch, offset, canBeLost: offset > base || isLossy };
  }

  /** Records an epoch of the room. */
  enter(leg: Leg): void {
    this.legs = withLeg(this.legs, leg);
    if (leg.isLossy && this.seen?.epoch === leg.epoch) this.seen = { ...this.seen, canBeLost: true };
  }

  /** Returns the epoch of an offset; undefined if it is too old. */
  epochOf(offset: number): string | undefined {
    return this.legs.findLast(({ base }) => base < offset)?.epoch;
  }
}

/** Adds an epoch to those of a room. */
export function withLeg(legs: readonly Leg[], { epoch, base, isLossy }: Leg): readonly Leg[] {
  const known = legs.find((leg) => leg.epoch === epoch);
  if (known !== undefined && known.base <= base && (known.isLossy || !isLossy)) return legs;
  // A start that was derived from a delivery may be too late: the first delivery may have been lost.
  const leg = { epoch, base: Math.min(base, known?.base ?? base), isLossy: isLossy || known?.isLossy === true };
  const others = legs.filter((each) => each !== known);
  const later = others.filter((each) => beganAt(each) > beganAt(leg));
  // Redis lost each epoch that began after the offset from which a later one continues.
  if (later.some((each) => each.base < leg.base)) return legs;
  const earlier = others.filter((each) => beganAt(each) <= beganAt(leg) && each.base <= leg.base);
  return [...earlier, leg, ...later].slice(-MAX_LEGS);
}

/** Returns the start time of an epoch, with which its name ends. */
function beganAt({ epoch }: Leg): number {
  return Number(epoch.slice(epoch.lastIndexOf('.') + 1));
}

/** The connection on which deliveries come. It forgets nothing: when it is back, all rooms are subscribed again. */
export class Subscriber {
  private readonly logger = new Logger(Subscriber.name);
  private readonly byRoom = new Map<string, Subscription>();
  private readonly byChannel = new Map<string, Subscription>();
  /** Why Redis has rejected the subscriptions of this connection. */
  private refusal: string | undefined;
  /** Rooms whose position is compared often. */
  readonly watchedClosely = new Set<Subscription>();
  /** Channels that are subscribed by one command at the end of the turn: many clients may come at one time. */
  private readonly beginnings = new Batch<string, never>(
    CHANNELS_AT_ONCE,
    async (channels) => {
      await this.client.ssubscribe(...channels);
      return [];
    },
    () => setImmediate(() => this.beginnings.flush()),
  );

  /**
   * @param onDelivery receives each delivery in order, decoded and as text
   * @param onReady called when all rooms are subscribed again after a reconnect, or after slots of a cluster have moved
   */
  constructor(
    private readonly client: RedisClient,
    sentinels: SentinelWatch,
    private readonly onDelivery: (subscription: Subscription, delivery: Delivery, text: string) => void,
    private readonly onReady: () => void,
  ) {
    client.on('smessage', (channel: string, message: string) => this.take(channel, message));
    sentinels.onConnected(client, () => void this.resubscribe());
    // The client of a cluster subscribes again by itself, when slots have moved or one of its servers was away.
    if (client.isCluster) client.on('subscribersReady', onReady);
    client.on('error', (error) => this.logger.debug(`Redis: ${error.message}`));
  }

  get isReady(): boolean {
    return this.client.status === 'ready' && this.refusal === undefined;
  }

  /** Says why it is not ready. */
  get problem(): string {
    return this.refusal ?? 'deliveries are not connected';
  }

  find(room: string): Subscription | undefined {
    return this.byRoom.get(room);
  }

  get size(): number {
    return this.byRoom.size;
  }

  /** Returns all subscriptions. Ones that begin during the iteration are included. */
  all(): IterableIterator<Subscription> {
    return this.byRoom.values();
  }

  /** @throws BrokerUnavailableError */
  async subscribe(room: string, channel: string): Promise<Subscription> {
    const subscription = new Subscription(room, channel);
    this.byRoom.set(room, subscription);
    this.byChannel.set(channel, subscription);
    try {
      // One command can only name channels of one slot.
      await (this.client.isCluster ? this.client.ssubscribe(channel) : this.beginnings.add(channel));
      return subscription;
    } catch (error) {
      this.drop(subscription);
      // The client of a cluster remembers it all the same, and would subscribe it one day.
      if (this.client.isCluster) this.client.sunsubscribe(channel).catch(() => undefined);
      throw new BrokerUnavailableError(`Redis: cannot subscribe, ${error instanceof Error ? error.message : ''}`);
    }
  }

  unsubscribe(subscription: Subscription): void {
    this.drop(subscription);
    // Sent after what was subscribed earlier in this turn, which may be the same channel.
    this.beginnings.flush();
    // Where that fails the connection is gone, and with it the subscription.
    this.client.sunsubscribe(subscription.channel).catch(() => undefined);
  }

  /**
   * Subscribes once more what deliveries have failed to come for. A server of a cluster ends subscriptions whenever it
   * is told whose a slot is, and the client renews them only where that has changed.
   */
  renewIfDeaf(subscription: Subscription): void {
    if (!subscription.isDeaf || this.byRoom.get(subscription.room) !== subscription) return;
    subscription.isDeaf = false;
    const { channel } = subscription;
    // The client of a cluster keeps a list of what is subscribed, and would keep it twice.
    if (this.client.isCluster) this.client.sunsubscribe(channel).catch(() => undefined);
    // Where that fails, deliveries go on being missed, and are looked for again.
    this.client.ssubscribe(channel).catch(() => undefined);
  }

  /** Has a room compared often for a while, because it was published to. */
  watchClosely(subscription: Subscription): void {
    if (subscription.quietFor === undefined) this.watchedClosely.add(subscription);
    subscription.quietFor = 0;
  }

  watchRarely(subscription: Subscription): void {
    subscription.quietFor = undefined;
    this.watchedClosely.delete(subscription);
  }

  /** Sends a ping. A connection that does not answer is closed by its timeout, and reconnects. */
  probe(): void {
    if (this.isReady) this.client.ping().catch(() => undefined);
  }

  private drop(subscription: Subscription): void {
    // A later subscription of the same room may have taken its place.
    this.watchRarely(subscription);
    if (this.byRoom.get(subscription.room) !== subscription) return;
    this.byRoom.delete(subscription.room);
    this.byChannel.delete(subscription.channel);
  }

  private take(channel: string, message: string): void {
    const subscription = this.byChannel.get(channel);
    if (subscription === undefined) return;
    let delivery: Delivery;
    try {
      delivery = readDelivery(message);
    } catch (error) {
      this.logger.error(`A delivery cannot be read: ${String(error)}`);
      return;
    }
    this.onDelivery(subscription, delivery, message);
  }

  private async resubscribe(): Promise<void> {
    // The client of a cluster does it itself, server by server, when it gets to it: what is missed after `onReady` is
    // found by the comparison that goes on all the time.
    const channels = this.client.isCluster ? [] : [...this.byChannel.keys()];
    try {
      for (let start = 0; start < channels.length; start += CHANNELS_AT_ONCE) {
        await this.client.ssubscribe(...channels.slice(start, start + CHANNELS_AT_ONCE));
      }
    } catch (error) {
      this.startAgain(error);
      return;
    }
    this.refusal = undefined;
    this.onReady();
  }
  /** The connection is lost again, or Redis refuses: either way a new one begins from the start. */
  private startAgain(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const reason = `cannot subscribe again, ${missingRight(message) ?? message}`;
    if (reason !== this.refusal) this.logger.warn(`Redis: ${reason}`);
    this.refusal = reason;
    retryRedisClient(this.client);
  }
}

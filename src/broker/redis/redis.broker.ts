import { randomBytes } from 'node:crypto';
import { once } from 'node:events';

import { Injectable, Logger, Optional, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';

import { RookeryOptions } from '../../config/rookery.options.js';
import { RoomRules } from '../../config/room-rules.js';
import type { Position } from '../../protocol/position.js';
import { Telemetry } from '../../telemetry/telemetry.js';
import {
  BrokerUnavailableError,
  type Broker,
  type BrokerListener,
  type HistoryPage,
  type PageLimit,
} from '../broker.js';
import type { PublishRequest, PublishResult } from '../publication.js';
import { CommandQueue } from './command-queue.js';
import type { Fitness } from './fitness.js';
import { deliveryOf, frameOf, type Delivery } from './frames.js';
import { whenGathered } from './gathering.js';
import { NodeConnections } from './node-connections.js';
import { readPage, readPosition, type Leg, type Read, type Standing } from './replies.js';
import { KnownPositions } from './known-positions.js';
import { Positions } from './positions.js';
import { PublishQueue } from './publish-queue.js';
import { RecentMessages } from './recent-messages.js';
import { closeRedisClient, createRedisClient, type RedisClient } from './redis-client.js';
import { SentinelWatch } from './sentinel-watch.js';
import { createFitness, shardOf } from './shards.js';
import { channelMark, RoomKeys } from './room-keys.js';
import { RoomWatch } from './room-watch.js';
import { Subscriber, type Subscription } from './subscriber.js';

const MAX_KNOWN_POSITIONS = 10_000;

/**
 * The broker of many nodes: order, history and ids live in Redis, and deliveries come by its sharded channels. See
 * `scripts/` for what happens there, and `scripts/room.lua.ts` for what happens when Redis loses some of it.
 */
@Injectable()
export class RedisBroker implements Broker, OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(RedisBroker.name);
  private readonly client: RedisClient;
  private readonly subscriberClient: RedisClient;
  private readonly keys: RoomKeys;
  private readonly commands: CommandQueue;
  private readonly publishes: PublishQueue;
  private readonly subscriber: Subscriber;
  private readonly known: KnownPositions;
  private readonly recent = new RecentMessages();
  private readonly positions: Positions;
  private readonly watch: RoomWatch;
  private readonly sentinels: SentinelWatch;
  private readonly fitness: Fitness;
  private readonly instance = randomBytes(6).toString('base64url');
  private epochs = 0;
  private listener: BrokerListener | undefined;

  constructor(
    private readonly options: RookeryOptions,
    private readonly rules: RoomRules,
    @Optional() telemetry: Telemetry = new Telemetry(),
  ) {
    const { redisSeconds } = telemetry;
    this.client = createRedisClient(options, 'commands');
    this.subscriberClient = createRedisClient(options, 'deliveries');
    this.keys = new RoomKeys(options.redisPrefix, options.redisCluster, channelMark(options));
    const both = [this.client, this.subscriberClient];
    this.sentinels = new SentinelWatch(options, both, { onReplacing: (is) => this.publishes.hold(is) });
    const isConfirmed = (): boolean => this.isConfirmed();
    this.commands = new CommandQueue(this.client, options.redisTimeoutMs, isConfirmed, 'warn', redisSeconds);
    this.fitness = createFitness(options, this.client, this.commands, this.keys);
    this.subscriber = new Subscriber(
      this.subscriberClient,
      this.sentinels,
      (subscription, delivery, text) => this.deliver(subscription, delivery, text),
      () => (options.redisCluster ? this.watch.watchAll() : this.watch.compareNow()),
    );
    this.known = new KnownPositions(this.subscriber, MAX_KNOWN_POSITIONS);
    const { keys, commands, known, recent } = this;
    const access = { options, rules, keys, commands, known, recent, freshEpoch: () => this.freshEpoch() };
    this.publishes = new PublishQueue(access);
    this.positions = new Positions(this.instance, access);
    this.watch = new RoomWatch(
      this.subscriber,
      this.known,
      {
        isReady: () => this.isConfirmed() && this.isOnOneServer(),
        slotOf: (room) => keys.slot(room),
        compare: (unused, used, renew) => this.positions.compare(unused, used, renew),
        read: (rooms) => this.positions.read(rooms, false),
        report: (room, { epoch, offset }) => this.listener?.onPosition?.(room, { epoch, offset }),
      },
      options.redisCluster,
      options.redisCheckIntervalMs,
      options.positionTtlMs,
    );
    this.sentinels.onConnected(this.client, () => this.watch.compareNow());
    this.sentinels.onConnected(this.client, () => this.fitness.renew());
    this.client.on('ready', () => this.publishes.beginAnew());
  }

  /** A node whose Redis is away starts all the same: it is not ready, and says why. */
  async onModuleInit(): Promise<void> {
    const both = [this.client, this.subscriberClient];
    const ready = both.map((client) =>
      once(client, 'ready', { signal: AbortSignal.timeout(this.options.redisTimeoutMs) }),
    );
    for (const client of both) client.connect().catch(() => undefined);
    try {
      await Promise.all(ready);
      await this.sentinels.confirmed();
      await this.fitness.check();
    } catch {
      await Promise.allSettled(ready);
      this.logger.warn('Redis cannot be reached; the server starts without it, and is not ready until it can');
    }
  }

  onApplicationShutdown(): void {
    this.watch.stop();
    this.sentinels.stop();
    this.publishes.stop();
    this.known.stop();
    this.fitness.stop();
    closeRedisClient(this.client);
    closeRedisClient(this.subscriberClient);
  }

  listen(listener: BrokerListener): void {
    this.listener = listener;
  }

  publish(request: PublishRequest): Promise<PublishResult> {
    return this.publishes.publish(request);
  }

  async subscribe(room: string): Promise<Position> {
    const refusal = this.commands.refusal();
    if (refusal !== undefined) throw refusal;
    const subscription = await this.subscriber.subscribe(room, this.keys.channel(room)).catch((error: unknown) => {
      // The user may have lost the right to the channel, which is told by the probe.
      void this.fitness.check();
      throw error;
    });
    subscription.legs = this.known.legsOf(room);
    try {
      // Asked when deliveries have begun: what is published later than this comes by them.
      const ask = (): Promise<Standing | undefined> => this.positions.readOne(this.known.about(room));
      const head = await whenGathered(ask, this.options.redisTimeoutMs);
      const { epoch, offset, base, legs, run } = head;
      for (const leg of legs) subscription.enter(leg);
      subscription.reach(epoch, offset, base);
      subscription.run = run;
      return { epoch, offset };
    } catch (error) {
      this.subscriber.unsubscribe(subscription);
      throw error;
    }
  }

  unsubscribe(room: string): void {
    const subscription = this.subscriber.find(room);
    if (subscription === undefined) return;
    this.known.keepLeft(subscription);
    this.subscriber.unsubscribe(subscription);
  }

  async history(room: string, after: Position | undefined, limit: PageLimit): Promise<HistoryPage> {
    const { historySize, historyTtlMs } = this.rules.of(room);
    const kept = [historySize, historyTtlMs];
    const from = [after?.epoch ?? '', after?.offset ?? 0];
    const ask = async (): Promise<Read | undefined> => {
      const limits = [limit.count, limit.bytes];
      const { positionTtlMs } = this.options;
      const args = [this.freshEpoch(), positionTtlMs, ...kept, ...from, ...limits, this.known.of(room)];
      return readPage(await this.commands.run('rookeryHistory', this.keys.all(room), args.map(String)));
    };
    const { page, leg, isAhead } = await whenGathered(ask, this.options.redisTimeoutMs);
    if (isAhead) await this.confirmMaster();
    this.keepMissed(room, leg, page);
    return page;
  }

  async acknowledge(room: string, userId: string, { epoch, offset }: Position): Promise<void> {
    const { historyTtlMs } = this.rules.of(room);
    if (historyTtlMs === 0) return;
    const args = [epoch, offset, historyTtlMs].map(String);
    await this.commands.run('rookeryAcknowledge', [this.keys.receipt(room, userId)], args);
  }

  async acknowledged(room: string, userId: string): Promise<Position | undefined> {
    return readPosition(await this.commands.run('rookeryAcknowledged', [this.keys.receipt(room, userId)], []));
  }

  isReady(room?: string): boolean {
    const isConnected = this.client.status === 'ready' && this.subscriber.isReady && this.isConfirmed();
    if (!isConnected || !this.fitness.isFit) return false;
    if (room === undefined || this.subscriber.find(room)?.seen !== undefined) return true;
    return this.fitness.isFitAt(shardOf(this.client, this.keys.slot(room)));
  }

  impairment(): string | undefined {
    const { problem } = this.fitness;
    return problem === undefined ? undefined : `Redis: ${problem}`;
  }

  async ping(): Promise<void> {
    const refusal = this.commands.refusal();
    if (refusal !== undefined) throw refusal;
    if (!this.subscriber.isReady) throw new BrokerUnavailableError(`Redis: ${this.subscriber.problem}`);
    // What is wrong is known, and looked at all the time: a server that does not answer must not delay who asks.
    if (this.fitness.problem === undefined) await this.fitness.check();
    if (!this.fitness.isFit) throw new BrokerUnavailableError(this.impairment());
  }

  private deliver(subscription: Subscription, { epoch, next, publications }: Delivery, text: string): void {
    const { room } = subscription;
    if (publications.length === 0) {
      this.takeNotice(subscription, epoch, next - 1);
      return;
    }
    for (const publication of publications) {
      if (publication.offset !== undefined) subscription.reach(epoch, publication.offset, next - 1);
      this.listener?.onPublication(room, epoch, publication);
    }
    const last = publications.findLast(({ offset }) => offset !== undefined)?.offset;
    if (last === undefined) return;
    this.recent.keep(room, epoch, next, last, text.length, () => text);
    this.subscriber.watchClosely(subscription);
  }

  /** Records the epoch of a page, and stores its messages that were not delivered if it includes the newest one. */
  private keepMissed(room: string, leg: Leg, { head, publications }: HistoryPage): void {
    const subscription = this.subscriber.find(room);
    if (subscription === undefined) return;
    subscription.enter(leg);
    const [first] = publications;
    if (first === undefined || publications.at(-1)?.offset !== head.offset) return;
    const remembered = this.recent.between(room, first.offset, head.offset);
    for (const publication of publications) {
      const { offset, timestamp, id } = publication;
      const epoch = subscription.epochOf(offset);
      if (epoch === undefined || remembered.has(`${epoch}:${offset}`)) continue;
      const text = deliveryOf(epoch, offset, timestamp, [frameOf({ room, ...publication }, id)]);
      this.recent.keep(room, epoch, offset, offset, text.length, () => text);
    }
  }

  /** Handles a notice: a room gathers what nodes know, or has entered a new epoch. */
  private takeNotice(subscription: Subscription, epoch: string, offset: number): void {
    // It is about to be subscribed, and will be told where it stands.
    if (subscription.seen === undefined) return;
    if (epoch === '') {
      this.watch.compareNow();
      return;
    }
    subscription.reach(epoch, offset, offset);
    this.listener?.onPosition?.(subscription.room, { epoch, offset });
  }

  /**
   * Checks the master before a client from a later epoch is answered: an old master would send messages again.
   *
   * @throws BrokerUnavailableError if this node is connected to an old master
   */
  private async confirmMaster(): Promise<void> {
    if (await this.sentinels.isOnMaster()) return;
    throw new BrokerUnavailableError('Redis: the master was replaced');
  }

  /** Returns false while the sentinels are asked about a new connection. */
  private isConfirmed(): boolean {
    return this.sentinels.isConfirmed(this.client) && this.sentinels.isConfirmed(this.subscriberClient);
  }

  /** Returns whether all connections lead to one server, and reconnects them if not. */
  private isOnOneServer(): boolean {
    if (this.options.redisCluster) return true;
    const connections = NodeConnections.of(this.options);
    if (connections.areOnOneServer()) return true;
    connections.renew('the connections lead to different servers');
    return false;
  }

  /** A command is never sent twice, so an epoch that goes with it is never used twice either. */
  private freshEpoch(): string {
    return `${this.instance}.${(this.epochs++).toString(36)}`;
  }
}

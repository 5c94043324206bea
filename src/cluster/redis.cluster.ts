import { setTimeout as delay } from 'node:timers/promises';

import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';

import { CommandQueue } from '../broker/redis/command-queue.js';
import {
  closeRedisClient,
  createRedisClient,
  retryRedisClient,
  type RedisClient,
} from '../broker/redis/redis-client.js';
import { missingRight } from '../broker/redis/rights.js';
import { channelMark } from '../broker/redis/room-keys.js';
import { SentinelWatch } from '../broker/redis/sentinel-watch.js';
import { RookeryOptions } from '../config/rookery.options.js';
import type { Answers, Cluster, NodeListener } from './cluster.js';
import { Hearing } from './hearing.js';
import { RedisCounts } from './redis-counts.js';
import { RedisMemory } from './redis-memory.js';
import { createNodeId } from './node-id.js';
import { NodeList } from './node-list.js';
import { Question } from './question.js';

const BEAT_MS = 2000;
const GONE_AFTER_MS = 10_000;
const ANSWER_TIMEOUT_MS = 1000;
/** How long others may take to say to a newcomer that they are there. */
const GREETING_MS = 500;

interface Word {
  readonly from: string;
  /** How many words its node has said to everybody, this one included; absent in what is said to one node. */
  readonly n?: number;
  readonly kind: 'beat' | 'bye' | 'tell' | 'ask' | 'answer' | 'remember';
  readonly topic?: string;
  /** Names the question of an `ask` or an `answer`. */
  readonly question?: string;
  readonly payload?: unknown;
}

/**
 * Nodes that know each other by Redis's pub/sub. No node is kept there: one that dies leaves no trace. All channels are
 * in one slot, so that in a cluster too one server passes the words on in their order. Lost ones show in their numbers,
 * at the latest when the next beat comes.
 */
@Injectable()
export class RedisCluster implements Cluster, OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  readonly nodeId = createNodeId();
  private readonly logger = new Logger(RedisCluster.name);
  private readonly client: RedisClient;
  private readonly commands: CommandQueue;
  private readonly sentinels: SentinelWatch;
  /** The end of each channel's name. */
  private readonly mark: string;
  private readonly everybody: string;
  private readonly memory: RedisMemory;
  private readonly nodes = new NodeList(GONE_AFTER_MS);
  private readonly allCounts: RedisCounts[] = [];
  private readonly hearing = new Hearing();
  private readonly listeners = new Map<string, NodeListener>();
  private readonly goneListeners: ((node: string) => void)[] = [];
  private readonly resumedListeners: (() => void)[] = [];
  private readonly questions = new Map<string, Question>();
  private asked = 0;
  private said = 0;
  private beatAt = performance.now();
  /** The number of the last beat among the words said. */
  private lastBeat = 0;
  private hasStarted = false;
  /** Resolves when those who are there have had the time to say so; undefined from then on. */
  private greeted: Promise<void> | undefined;
  private isListening = false;
  private refusal: string | undefined;
  private leaving = false;
  private readonly pulse: NodeJS.Timeout;

  constructor(private readonly options: RookeryOptions) {
    this.client = createRedisClient(options, 'nodes');
    this.sentinels = new SentinelWatch(options, [this.client]);
    const isConfirmed = (): boolean => this.sentinels.isConfirmed(this.client);
    this.commands = new CommandQueue(this.client, options.redisTimeoutMs, isConfirmed, 'debug');
    this.mark = channelMark(options);
    this.everybody = `${this.keyOf('{nodes}')}:all${this.mark}`;
    this.memory = new RedisMemory(this.client, `${options.redisPrefix}:memory`);
    this.client.on('smessage', (_channel: string, text: string) => void this.take(text));
    this.sentinels.onConnected(this.client, () => void this.listen());
    this.client.on('close', () => (this.isListening = false));
    this.pulse = setInterval(() => this.beat(), BEAT_MS).unref();
  }

  async onModuleInit(): Promise<void> {
    // The broker waits for the same server, and says so when it cannot be reached.
    await this.client.connect().catch(() => undefined);
    await this.sentinels.confirmed();
  }

  /** The others need not find out by themselves. */
  beforeApplicationShutdown(): void {
    this.leaving = true;
    this.say({ kind: 'bye' });
  }

  onApplicationShutdown(): void {
    clearInterval(this.pulse);
    for (const question of this.questions.values()) question.end();
    this.sentinels.stop();
    closeRedisClient(this.client);
  }

  /** Others may come at any time. */
  readonly isAlone = false;

  get isConnected(): boolean {
    return this.isListening;
  }

  others(): readonly string[] {
    return this.nodes.all();
  }

  on(topic: string, listener: NodeListener): void {
    this.listeners.set(topic, listener);
  }

  tell(topic: string, payload: unknown): void {
    this.say({ kind: 'tell', topic, payload });
  }

  async ask(topic: string, payload: unknown, timeoutMs = ANSWER_TIMEOUT_MS): Promise<Answers> {
    if (!this.isListening) return { answers: [], partial: true, gone: [] };
    const id = String((this.asked += 1));
    const question = new Question(this.nodes.all(), timeoutMs, this.greeted);
    this.questions.set(id, question);
    this.say({ kind: 'ask', topic, question: id, payload });
    const answers = await question.answered;
    this.questions.delete(id);
    return answers;
  }

  onNodeGone(listener: (node: string) => void): void {
    this.goneListeners.push(listener);
  }

  async remember(name: string, value: number, ttlMs: number): Promise<void> {
    const expiresAt = Date.now() + ttlMs;
    await this.memory.keep(name, value, expiresAt);
    this.say({ kind: 'remember', payload: [name, value, expiresAt] });
  }

  recall(name: string): number | undefined {
    return this.memory.find(name);
  }

  onRemembered(listener: (name: string, value: number) => void): void {
    this.memory.onAdded(listener);
  }

  async deposit(name: string, text: string, ttlMs: number): Promise<void> {
    await this.commands.run('rookeryDeposit', [this.keyOf(name)], [text, String(ttlMs)]);
  }

  async collect(name: string): Promise<string | undefined> {
    const text = await this.commands.run('rookeryCollect', [this.keyOf(name)], []);
    return typeof text === 'string' ? text : undefined;
  }

  counts(kind: string, bound: number): RedisCounts {
    const counts = new RedisCounts(this, this.commands, this.keyOf(kind), bound);
    this.allCounts.push(counts);
    return counts;
  }

  onResumed(listener: () => void): void {
    this.resumedListeners.push(listener);
  }

  private async listen(): Promise<void> {
    try {
      await this.client.ssubscribe(this.everybody, this.channelOf(this.nodeId));
      await this.memory.load();
    } catch (error) {
      return this.listenAgain(error);
    }
    this.refusal = undefined;
    this.isListening = true;
    this.greet();
    this.hearing.clear();
    this.nodes.forgive(performance.now());
    for (const counts of this.allCounts) counts.writeAllAgain();
    this.beat();
    if (this.hasStarted) this.tellResumed();
    this.hasStarted = true;
  }

  /** The connection is lost again, or Redis refuses: either way a new one begins from the start. */
  private listenAgain(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const reason = missingRight(message) ?? message;
    if (reason !== this.refusal) this.logger.warn(`Redis: nodes cannot hear each other, ${reason}`);
    this.refusal = reason;
    retryRedisClient(this.client);
  }

  private greet(): void {
    const greeted = delay(GREETING_MS, undefined, { ref: false }).then(() => {
      if (this.greeted === greeted) this.greeted = undefined;
    });
    this.greeted = greeted;
  }

  private tellResumed(): void {
    for (const listener of this.resumedListeners) listener();
  }

  /**
   * Says that this node is alive. While it does not even hear itself, no silence counts against the others; and when it
   * has slept, they have most likely taken it for gone.
   */
  private beat(): void {
    const now = performance.now();
    const hasSlept = now - this.beatAt > 2 * BEAT_MS;
    this.beatAt = now;
    if (!this.isListening || this.leaving) return;
    // The last beat, not the last word: what was said just now cannot have come back yet.
    if (hasSlept || this.hearing.lastOf(this.nodeId) < this.lastBeat) this.nodes.forgive(now);
    this.say({ kind: 'beat' });
    this.lastBeat = this.said;
    if (hasSlept) this.resume();
    for (const node of this.nodes.expire(now)) this.lose(node);
    for (const counts of this.allCounts) counts.refresh(now);
    // What was remembered is told at most once, like all word.
    this.memory.refresh().catch(() => undefined);
  }

  /** Word was lost, here or at the others, though the connection was not. */
  private resume(): void {
    this.logger.debug('What nodes said to each other was lost');
    // What cannot be read now is read with the rest, once a minute.
    this.memory.load().catch(() => undefined);
    this.tellResumed();
  }

  private lose(node: string): void {
    this.hearing.forget(node);
    for (const question of this.questions.values()) question.giveUp(node);
    for (const listener of this.goneListeners) listener(node);
  }

  private async take(text: string): Promise<void> {
    const word = JSON.parse(text) as Word;
    const { from, kind, n } = word;
    if (n !== undefined && this.hearing.heard(from, n)) this.resume();
    if (from === this.nodeId) return;
    if (kind === 'bye') {
      if (this.nodes.remove(from)) this.lose(from);
      return;
    }
    // A newcomer has to hear of this node before the next beat.
    if (this.nodes.heard(from, performance.now()) && !this.leaving) this.send(this.channelOf(from), { kind: 'beat' });
    if (kind === 'answer') this.questions.get(word.question ?? '')?.take(from, word.payload);
    else if (kind === 'remember') this.memory.add(...(word.payload as [string, number, number]));
    else if (kind !== 'beat') await this.handle(word);
  }

  private async handle({ from, kind, topic = '', question = '', payload }: Word): Promise<void> {
    const listener = this.listeners.get(topic);
    if (listener === undefined) return;
    try {
      const answered = listener(payload, from);
      const answer: unknown = answered instanceof Promise ? await answered : answered;
      if (kind === 'ask') this.send(this.channelOf(from), { kind: 'answer', question, payload: answer });
    } catch (error) {
      this.logger.error(`What another node said about ${topic} could not be dealt with: ${String(error)}`);
    }
  }

  private say(word: Omit<Word, 'from' | 'n'>): void {
    this.send(this.everybody, { n: (this.said += 1), ...word });
  }

  private send(channel: string, word: Omit<Word, 'from'>): void {
    // Word is delivered at most once: where the connection is away, it is not.
    this.client.spublish(channel, JSON.stringify({ from: this.nodeId, ...word })).catch(() => undefined);
  }

  private keyOf(name: string): string {
    return `${this.options.redisPrefix}:${name}`;
  }

  private channelOf(node: string): string {
    return `${this.keyOf('{nodes}')}:node:${node}${this.mark}`;
  }
}

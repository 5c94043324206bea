import { setImmediate as turn } from 'node:timers/promises';

import { CheckedClient } from './checked-client.js';
import { History } from './history.js';
import { SimulatedNode } from './node.js';
import { PLENTY, ROOMS, type Schedule, type Step } from './schedule.js';
import { UnreliableBroker } from './unreliable.broker.js';

/** Small, so that a stalled member's outbox is full after a few messages. */
const OUTBOX_BYTES = 1500;
/** A schedule that has not come to rest by then never does: several times the pause between two reads of history. */
const PATIENCE_MS = 10_000;

class Run {
  readonly history = new History();
  private readonly node: SimulatedNode<UnreliableBroker>;
  private readonly clients: CheckedClient[];
  private readonly keepsPlenty: boolean;
  private published = 0;

  constructor({ clients, historySize, late }: Schedule) {
    this.keepsPlenty = historySize === PLENTY;
    const rooms = [
      { pattern: 'bare:drop', historySize: 0, overflow: 'drop-oldest' as const },
      { pattern: 'bare:latest', historySize: 0, overflow: 'keep-latest' as const },
    ];
    this.node = new SimulatedNode(
      { historySize, outboxBytes: OUTBOX_BYTES, rooms },
      (options, rules) => new UnreliableBroker(options, rules, late),
    );
    this.clients = Array.from(
      { length: clients },
      (_none, n) => new CheckedClient(`user${n}`, this.node, this.history),
    );
  }

  async play(steps: readonly Step[]): Promise<void> {
    this.history.keepsAll = this.keepsPlenty && !steps.some(({ kind }) => kind === 'forget');
    for (const client of this.clients) await client.connect();
    for (const step of steps) await this.take(step);
    await this.comeToRest();
    this.node.broker.stop();
  }

  private async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'publish':
        return this.publish(step.room, step.volatile, step.by);
      case 'burst':
        for (let n = 0; n < step.count; n += 1) await this.publish(step.room, false);
        return undefined;
      case 'join':
        return this.clients[step.client]?.join(step.room, step.recover);
      case 'leave':
        return this.clients[step.client]?.leave(step.room);
      case 'stall':
        return this.clients[step.client]?.stall();
      case 'resume':
        return this.clients[step.client]?.resume();
      case 'hold':
        return this.clients[step.client]?.holdReplies();
      case 'release':
        return this.clients[step.client]?.releaseReplies();
      case 'reconnect':
        this.clients[step.client]?.disconnect();
        return this.clients[step.client]?.connect();
      case 'lose':
        this.node.broker.losing += step.count;
        return undefined;
      case 'double':
        this.node.broker.doubling += step.count;
        return undefined;
      case 'forget':
        return this.node.broker.forget();
      case 'turn':
        for (let n = 0; n < step.count; n += 1) await turn();
        return undefined;
    }
  }

  private async publish(room: string, volatile: boolean, by?: number): Promise<void> {
    const data = (this.published += 1);
    const origin = by === undefined ? undefined : this.clients[by]?.connectionId;
    const request = { room, data: JSON.stringify(data), volatile, ...(origin === undefined ? {} : { origin }) };
    const result = this.node.broker.publish(request);
    // Entered before any member can have it: a broker that answers at once has delivered already.
    if (result instanceof Promise) this.history.add(room, await result, { data, origin });
    else this.history.add(room, result, { data, origin });
  }

  /** Everybody reads, nothing is lost any more, and one more message shows what was lost last. */
  private async comeToRest(): Promise<void> {
    const { broker } = this.node;
    for (const client of this.clients) {
      client.resume();
      client.releaseReplies();
    }
    broker.losing = 0;
    broker.doubling = 0;
    for (const room of ROOMS) await this.publish(room, false);
    const deadline = performance.now() + PATIENCE_MS;
    while (this.behind().length > 0 && performance.now() < deadline) await turn();
    this.history.violations.push(...this.behind());
  }

  /** Members who have not got all that their room has. */
  private behind(): string[] {
    return this.clients.flatMap((client) =>
      [...client.joined].flatMap((room) => {
        const head = this.history.head(room);
        const position = client.positionIn(room);
        const level = position?.epoch === head?.epoch && position?.offset === head?.offset;
        return level
          ? []
          : [`${client.userId} stands at ${JSON.stringify(position)} of ${room}, not ${JSON.stringify(head)}`];
      }),
    );
  }
}

/**
 * Plays a schedule.
 *
 * @returns what members saw that they must not have seen; empty when all is well
 */
export async function play(schedule: Schedule): Promise<string[]> {
  const run = new Run(schedule);
  await run.play(schedule.steps);
  return run.history.violations;
}

import { Injectable, type OnApplicationShutdown } from '@nestjs/common';

import {
  MemoryBroker,
  RookeryOptions,
  RoomRules,
  type Broker,
  type BrokerListener,
  type HistoryPage,
  type PageLimit,
  type Position,
  type PublishRequest,
  type PublishResult,
} from '../../src/index.js';

/** A broker of the application's own, which answers later, as one over a network does. */
@Injectable()
export class LaterBroker implements Broker, OnApplicationShutdown {
  private readonly broker: MemoryBroker;

  constructor(options: RookeryOptions, rules: RoomRules) {
    this.broker = new MemoryBroker(options, rules);
  }

  listen(listener: BrokerListener): void {
    this.broker.listen(listener);
  }

  async publish(request: PublishRequest): Promise<PublishResult> {
    await turn();
    return this.broker.publish(request);
  }

  async subscribe(room: string): Promise<Position> {
    await turn();
    return this.broker.subscribe(room);
  }

  async unsubscribe(room: string): Promise<void> {
    await turn();
    this.broker.unsubscribe(room);
  }

  async history(room: string, after: Position | undefined, limit: PageLimit): Promise<HistoryPage> {
    await turn();
    return this.broker.history(room, after, limit);
  }

  async acknowledge(room: string, userId: string, position: Position): Promise<void> {
    await turn();
    this.broker.acknowledge(room, userId, position);
  }

  async acknowledged(room: string, userId: string): Promise<Position | undefined> {
    await turn();
    return this.broker.acknowledged(room, userId);
  }

  async ping(): Promise<void> {
    await turn();
  }

  onApplicationShutdown(): void {
    this.broker.onApplicationShutdown();
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5));
}

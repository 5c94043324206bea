import { Injectable } from '@nestjs/common';

import type { Answers, Cluster } from './cluster.js';
import { Memory } from './memory.js';
import { Deposits } from './deposits.js';
import { LocalCounts } from './local-counts.js';
import { createNodeId } from './node-id.js';

/** A node on its own. */
@Injectable()
export class LocalCluster implements Cluster {
  readonly nodeId = createNodeId();
  readonly isAlone = true;
  readonly isConnected = true;
  private readonly memory = new Memory();
  private readonly deposits = new Deposits();

  others(): readonly string[] {
    return [];
  }

  on(): void {
    // There is nobody to say anything.
  }

  tell(): void {
    // There is nobody to tell.
  }

  ask(): Promise<Answers> {
    return Promise.resolve({ answers: [], partial: false, gone: [] });
  }

  onNodeGone(): void {
    // There is no other node to go.
  }

  remember(name: string, value: number, ttlMs: number): Promise<void> {
    this.memory.forgetExpired();
    this.memory.add(name, value, Date.now() + ttlMs);
    return Promise.resolve();
  }

  recall(name: string): number | undefined {
    return this.memory.find(name);
  }

  onRemembered(listener: (name: string, value: number) => void): void {
    this.memory.onAdded(listener);
  }

  deposit(name: string, text: string, ttlMs: number): Promise<void> {
    this.deposits.add(name, text, ttlMs);
    return Promise.resolve();
  }

  collect(name: string): Promise<string | undefined> {
    return Promise.resolve(this.deposits.collect(name));
  }

  counts(_kind: string, bound: number): LocalCounts {
    return new LocalCounts(bound);
  }

  onResumed(): void {
    // There is no word to be lost.
  }
}

import type { MaybePromise } from '../broker/broker.js';

/** How many of something there are by name over all nodes, with a bound for each name. */
export interface SharedCounts {
  /**
   * Takes one more. Where the other nodes' counts cannot be had in time, this node's own decides.
   *
   * @returns false where there are as many as there may be
   */
  take(name: string): MaybePromise<boolean>;
  /** Gives back one that was taken. */
  give(name: string): void;
}

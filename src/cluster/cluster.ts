import type { SharedCounts } from './shared-counts.js';

/** What other nodes answered to a question. */
export interface Answers {
  readonly answers: readonly { readonly node: string; readonly answer: unknown }[];
  /** True where a node did not answer in time, or it is not known which nodes there are. */
  readonly partial: boolean;
  /** Nodes that went before they answered. */
  readonly gone: readonly string[];
}

/** Takes what another node says; what it returns is the answer where that was a question. JSON both ways. */
export type NodeListener = (payload: unknown, node: string) => unknown;

/**
 * The nodes of one server, and word between them. Word is delivered at most once, and in the order in which a node
 * gave it, answers among the rest; who needs more than that asks again when it is told that some may be lost. What
 * must not be lost is published.
 */
export interface Cluster {
  /** Names this node for as long as it runs. */
  readonly nodeId: string;
  /** True where there cannot be another node. */
  readonly isAlone: boolean;
  /** False while no other node can be reached, or reach this one. */
  readonly isConnected: boolean;
  /** The other nodes that are known to be alive. A dead one is noticed within ten seconds. */
  others(): readonly string[];
  /** Has one listener take what is said about a topic. */
  on(topic: string, listener: NodeListener): void;
  /** Tells all other nodes. */
  tell(topic: string, payload: unknown): void;
  /**
   * Asks all other nodes, and waits for a bounded time. Never rejects.
   *
   * @param timeoutMs @default 1000
   */
  ask(topic: string, payload: unknown, timeoutMs?: number): Promise<Answers>;
  /** Told of each node that has gone. */
  onNodeGone(listener: (node: string) => void): void;
  /**
   * Has every node know a number by a name for a time, those that start later too. Of two by one name the larger counts.
   *
   * @throws BrokerUnavailableError where it cannot be kept
   */
  remember(name: string, value: number, ttlMs: number): Promise<void>;
  recall(name: string): number | undefined;
  /** Told of what every node is to know, by whichever node it was said. */
  onRemembered(listener: (name: string, value: number) => void): void;
  /**
   * Keeps a text for whoever collects it first, on whichever node.
   *
   * @throws BrokerUnavailableError where it cannot be kept
   */
  deposit(name: string, text: string, ttlMs: number): Promise<void>;
  /**
   * The text kept by a name; undefined where it was collected, is over, or never was.
   *
   * @throws BrokerUnavailableError
   */
  collect(name: string): Promise<string | undefined>;
  /**
   * Counts over all nodes, of which a node that was killed takes its share along.
   *
   * @param kind keeps them apart from others
   * @param bound for each name, above 0
   */
  counts(kind: string, bound: number): SharedCounts;
  /** Told when word may have been lost, and comes again. */
  onResumed(listener: () => void): void;
}
export const Cluster = Symbol('Cluster');

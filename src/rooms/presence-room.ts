import type { Member } from '../protocol/messages.js';
import { PresenceLedger, type PresenceChanges } from './presence-ledger.js';
import type { Room } from './room.js';

/** Comings and goings on one node. */
export interface PresenceNews {
  readonly joined: readonly Member[];
  readonly left: readonly Member[];
}

/** Who is in one room on all nodes, while it has members on this one. */
export class PresenceRoom {
  timer: NodeJS.Timeout | undefined;
  private readonly ledger: PresenceLedger;
  /** By node: the users of the connections that it has in the room. */
  private readonly remote = new Map<string, Map<string, string>>();
  private joinedHere: Member[] = [];
  private leftHere: Member[] = [];
  /** News that came before it was known who is there: without that, those who are would be taken for newcomers. */
  private early: (() => void)[] | undefined;

  constructor(
    readonly room: Room,
    graceMs: number,
  ) {
    this.ledger = new PresenceLedger(graceMs);
  }

  /** Members over all nodes. */
  get size(): number {
    let { size } = this.room;
    for (const connections of this.remote.values()) size += connections.size;
    return size;
  }

  joined(member: Member): void {
    this.ledger.joined(member.userId, member.clientId);
    this.joinedHere.push(member);
  }

  left(member: Member, now: number): void {
    this.ledger.left(member.userId, member.clientId, now);
    this.leftHere.push(member);
  }

  /** What the other nodes have not been told yet; undefined where there is nothing. */
  takeNews(): PresenceNews | undefined {
    if (this.joinedHere.length + this.leftHere.length === 0) return undefined;
    const news = { joined: this.joinedHere, left: this.leftHere };
    this.joinedHere = [];
    this.leftHere = [];
    return news;
  }

  /** Keeps news back until {@link hear}. */
  wait(): void {
    this.early = [];
  }

  hear(): void {
    const { early = [] } = this;
    this.early = undefined;
    for (const take of early) take();
  }

  /** Takes what another node says has changed there. */
  takeNewsOf(node: string, news: PresenceNews, now: number): void {
    if (this.early === undefined) this.apply(node, news, now);
    else this.early.push(() => this.apply(node, news, now));
  }

  /**
   * Takes who is there on another node.
   *
   * @param silently they were there before this node looked: nobody has to be told
   */
  takeStateOf(node: string, members: readonly Member[], silently: boolean, now: number): void {
    const known = this.connectionsOf(node);
    const present = new Set(members.map(({ clientId }) => clientId));
    const left = [...known].filter(([clientId]) => !present.has(clientId));
    const joined = members.filter(({ clientId }) => !known.has(clientId));
    if (silently) for (const { clientId, userId } of joined) this.ledger.found(userId, clientId);
    this.apply(node, { joined, left: left.map(([clientId, userId]) => ({ clientId, userId })) }, now);
  }

  lose(node: string, now: number): void {
    for (const [clientId, userId] of this.remote.get(node) ?? []) this.ledger.left(userId, clientId, now);
    this.remote.delete(node);
  }

  /** See {@link PresenceLedger.looked}. */
  looked(clientId: string, found: ReadonlySet<string>): boolean {
    return this.ledger.looked(clientId, found);
  }

  settle(now: number): PresenceChanges {
    return this.ledger.settle(now);
  }

  private apply(node: string, { joined, left }: PresenceNews, now: number): void {
    const connections = this.connectionsOf(node);
    for (const { clientId, userId } of joined) {
      connections.set(clientId, userId);
      this.ledger.joined(userId, clientId);
    }
    for (const { clientId, userId } of left) {
      if (connections.delete(clientId)) this.ledger.left(userId, clientId, now);
    }
  }

  private connectionsOf(node: string): Map<string, string> {
    let connections = this.remote.get(node);
    if (connections === undefined) this.remote.set(node, (connections = new Map()));
    return connections;
  }
}

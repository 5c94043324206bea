import { circles, untoldLosses, type Accepted, type Message } from './verdict.js';
import { canBeLost, same, type Now, type Page, type Place } from './epochs.js';
import { enter, giveBack, hear, knowledgeOf, see, type Member, type Node, type Server } from './node.js';
import { Room } from './room.js';

/** Few epochs are remembered, so that some are forgotten. */
const RULES = { gatheringTime: 10, keptEpochs: 3 };

/** An event of a schedule. Numbers are taken modulo the number of nodes, members or backups. */
export type Event =
  | { readonly kind: 'publish' | 'deliver' | 'compare' | 'move' | 'stop' | 'kill'; readonly node: number }
  | { readonly kind: 'replicate' | 'promote' | 'restart' | 'replace' | 'wait' | 'backUp' }
  | { readonly kind: 'goBack'; readonly backup: number }
  | { readonly kind: 'leave'; readonly member: number }
  | { readonly kind: 'join'; readonly member: number; readonly node: number };

/**
 * Servers, nodes and members of one room, driven by a schedule. Nodes behave like those of Rookery. A server that was
 * replaced continues for nodes that are still connected to it.
 */
export class World {
  private clock = 1;
  private names = 0;
  private runs = 0;
  private ids = 0;
  private accepted: Accepted[] = [];
  private master: Server;
  private replica: Room<Message>;
  /** Earlier states, from any of which a server may start. */
  private readonly backups: Room<Message>[];
  private readonly nodes: Node[];
  private readonly members: Member[];
  /** Broken promises. */
  readonly violations: string[] = [];
  announcements = 0;

  /** @param exists whether the room exists at the start */
  constructor(nodes: number, members: number, exists: boolean) {
    this.master = { run: this.runs, room: new Room(RULES, () => (this.names += 1)), isUp: true };
    if (exists)
      this.master.room.position({ seen: [], run: undefined }, undefined, { run: this.runs, clock: this.clock });
    this.replica = this.master.room.copy();
    this.backups = [this.replica];
    this.nodes = Array.from({ length: nodes }, () => this.freshNode());
    this.members = Array.from({ length: members }, (_none, id) => ({
      id,
      node: undefined,
      position: undefined,
      got: [],
      since: undefined,
      told: [],
    }));
  }

  play(events: readonly Event[]): void {
    for (const event of events) this.take(event);
    this.comeToRest();
    const living = new Set(this.nodes.map(({ id }) => id));
    this.violations.push(...untoldLosses(this.accepted, this.members, living), ...circles(this.members));
  }

  private take(event: Event): void {
    this.clock += 1;
    switch (event.kind) {
      case 'replicate':
        this.replica = this.master.room.copy();
        return;
      case 'promote':
        this.replace(true);
        return;
      case 'restart':
        this.replace(false);
        return;
      case 'replace':
        // All nodes are healthy and find the new server at once, and so does a replica of it.
        for (const node of this.nodes) while (node.queue.length > 0) this.deliver(node);
        this.replace(false);
        for (const node of this.nodes) this.move(node);
        for (const node of this.nodes) this.compare(node);
        this.replica = this.master.room.copy();
        return;
      case 'backUp':
        this.backups.push(this.master.room.copy());
        return;
      case 'goBack':
        this.replica = at(this.backups, event.backup).copy();
        this.replace(false);
        return;
      case 'wait':
        this.clock += 20;
        return;
      case 'leave':
        this.detach(at(this.members, event.member));
        return;
      case 'join':
        this.join(at(this.members, event.member), at(this.nodes, event.node));
        return;
      case 'publish':
      case 'deliver':
      case 'compare':
      case 'move':
      case 'stop':
      case 'kill':
        this.happen(event.kind, at(this.nodes, event.node));
    }
  }

  private happen(kind: 'publish' | 'deliver' | 'compare' | 'move' | 'stop' | 'kill', node: Node): void {
    if (kind === 'kill') this.kill(node);
    else if (kind === 'stop') node.isStopped = !node.isStopped;
    else if (!node.isStopped) this[kind](node);
  }

  /** Starts a server with the replica's state; the old one may continue for some time. */
  private replace(oldGoesOn: boolean): void {
    this.master.isUp = oldGoesOn;
    this.master = { run: (this.runs += 1), room: this.replica.copy(), isUp: true };
  }

  private publish(node: Node): void {
    if (!node.server.isUp) return;
    const message = { n: this.accepted.length };
    const { room } = node.server;
    const listeners = this.nodes.filter((each) => each.server === node.server && each.position !== undefined);
    const place = room.publish(message, knowledgeOf(node), listeners.length, this.now(node));
    if (place === undefined) return;
    this.accepted.push({ message, place, witnesses: new Set() });
    this.see(node, place, true);
    enter(node, room.leg);
    if (node.position === undefined) node.recent.push({ at: place, message });
    for (const each of listeners) each.queue.push({ at: place, message });
  }

  private deliver(node: Node): void {
    const delivery = node.queue.shift();
    if (delivery === undefined || node.position === undefined) return;
    const { at: place, message } = delivery;
    node.recent.push(delivery);
    this.see(node, place, true);
    const { epoch, offset } = node.position;
    if (!same(epoch, place.epoch) || place.offset > offset + 1) this.mend(node);
    else if (place.offset === offset + 1) {
      node.position = place;
      for (const member of this.membersOf(node)) this.give(member, message, place);
    }
  }

  /** Gets the room's position, and restores what the room lacks. */
  private compare(node: Node): void {
    const { server } = node;
    if (!server.isUp) return;
    const { room } = server;
    const listener = node.position === undefined ? undefined : node.id;
    room.position(knowledgeOf(node), listener, this.now(node));
    if (room.isGathering) giveBack(node, listener, this.now(node));
    if (room.isGathering || node.position === undefined) return;
    hear(node);
    this.mend(node);
  }

  /** Reads the history after the position of the live members. */
  private mend(node: Node): void {
    const { server, position } = node;
    if (!server.isUp || position === undefined) return;
    const page = this.ask(node, position);
    if (page === undefined) return;
    node.position = server.room.head;
    for (const member of this.membersOf(node)) this.read(member, page);
    for (const [index, message] of page.messages.entries()) {
      node.recent.push({ at: { epoch: page.epoch, offset: page.after + index + 1 }, message });
    }
    this.see(node, node.position, canBeLost(node.position, server.room.leg));
    enter(node, server.room.leg);
  }

  /** @returns undefined if the node has to retry */
  private ask(node: Node, position: Place): Page<Message> | undefined {
    const { server } = node;
    const page = server.room.history(position, knowledgeOf(node), this.now(node));
    if (page !== 'ahead') return page;
    // The node notices by itself that a server was replaced. The current one has lost the epoch.
    if (server !== this.master) return undefined;
    const { epoch, offset } = server.room.head;
    return { epoch, after: offset, lost: true, messages: [] };
  }

  private read(member: Member, page: Page<Message>): void {
    if (page.lost) this.announce(member);
    member.position = { epoch: page.epoch, offset: page.after };
    for (const [index, message] of page.messages.entries()) {
      this.give(member, message, { epoch: page.epoch, offset: page.after + index + 1 });
    }
  }

  private move(node: Node): void {
    if (node.server === this.master) return;
    if (node.position === undefined) node.known = { ...node.known, former: node.server.run };
    node.server = this.master;
    node.queue = [];
    this.compare(node);
  }

  /** Replaces the process by one that knows nothing. */
  private kill(node: Node): void {
    for (const member of this.membersOf(node)) this.detach(member);
    Object.assign(node, this.freshNode());
  }

  private detach(member: Member): void {
    member.node = undefined;
  }

  private join(member: Member, node: Node): void {
    this.detach(member);
    if (node.isStopped || !node.server.isUp) return;
    const { room } = node.server;
    if (node.position === undefined) {
      const head = room.position(knowledgeOf(node), undefined, this.now(node));
      if (room.isGathering) return;
      node.position = head;
      this.see(node, head, canBeLost(head, room.leg));
      for (const leg of room.chain) enter(node, leg);
      hear(node);
    }
    if (member.position === undefined) {
      this.mend(node);
      member.position = node.position;
      member.since = this.accepted.length;
      member.node = node;
      return;
    }
    const page = this.ask(node, member.position);
    if (page === undefined) return;
    this.mend(node);
    member.node = node;
    this.read(member, page);
  }

  private see(node: Node, place: Place, isAtStake: boolean): void {
    see(node, place, isAtStake);
    for (const { place: before, witnesses } of this.accepted) {
      if (same(before.epoch, place.epoch) && before.offset <= place.offset) witnesses.add(node.id);
    }
  }

  private give(member: Member, message: Message, place: Place): void {
    if (member.got.includes(message)) this.violations.push(`member ${member.id} gets ${message.n} again`);
    member.got.push(message);
    member.position = place;
  }

  private announce(member: Member): void {
    this.announcements += 1;
    member.told.push(this.accepted.length);
  }

  private comeToRest(): void {
    for (let round = 0; round < 4; round += 1) {
      this.clock += 20;
      for (const node of this.nodes) {
        node.isStopped = false;
        if (!node.server.isUp || node.server !== this.master) this.move(node);
        while (node.queue.length > 0) this.deliver(node);
        this.compare(node);
      }
    }
    for (const member of this.members) {
      if (member.node === undefined && member.position !== undefined) this.join(member, at(this.nodes, 0));
    }
  }

  private membersOf(node: Node): Member[] {
    return this.members.filter((member) => member.node === node);
  }

  private now(node: Node): Now {
    return { run: node.server.run, clock: this.clock };
  }

  private freshNode(): Node {
    this.ids += 1;
    return {
      id: this.ids,
      server: this.master,
      isStopped: false,
      queue: [],
      position: undefined,
      known: { seen: [], run: undefined },
      legs: [],
      recent: [],
    };
  }
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length];
  if (item === undefined) throw new Error('an item');
  return item;
}

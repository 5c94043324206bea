import {
  createSequencer,
  type Acknowledged,
  type Numbered as Message,
  type Ordered,
  type Repeated,
  type Sequencer,
} from '../../src/sequencer.js';

interface Logged {
  readonly id: string;
  /** Of the connection that published it; 0 for somebody else. */
  readonly origin: number;
}

interface Reply {
  readonly id: string;
  readonly ack?: Acknowledged;
}

type Item =
  | { readonly message: Message; readonly isOwn: boolean }
  | { readonly gap: { epoch: string; offset: number; reason: string; recovered?: boolean } };

/** What may happen, in any order. */
export const ACTS = [
  'other publishes',
  'other publishes volatile',
  'publish',
  'server takes',
  'server takes, and says unavailable',
  'server refuses for now',
  'server refuses for good',
  'send again',
  'reply arrives',
  'message arrives',
  'cut',
  'cut, and history is gone',
  'messages are lost',
  'epoch changes',
  'epoch changes, nothing lost',
  'end of history is lost',
] as const;
/** What no server may do. */
export const FAULTS = ['message comes again', 'message is numbered again'] as const;
export type Act = (typeof ACTS)[number] | (typeof FAULTS)[number];

/** Messages that go with one loss of a history's end, at most. */
const MAX_ENDING = 2;

/**
 * A room, its server, and a connection to it that publishes and breaks, without any of them: just what the protocol
 * says of the order in which things come.
 */
export class RoomModel {
  readonly out: Ordered<Message, string>[] = [];
  readonly repeated: Repeated[] = [];
  /** The ids of messages that a faulty server sent again. */
  readonly faults: string[] = [];
  /** Offsets of which it was said that they are lost, by epoch. */
  readonly lost: string[] = [];
  readonly accepted: { key: string; id: string }[] = [];
  /** The id of the message at each place, by `epoch:offset`. */
  readonly places = new Map<string, string>();
  private epoch = 1;
  /** Names under which the server knows its present numbering, each with up to where it is the same. */
  private readonly names = new Map([['e1', Infinity]]);
  /** Where the server put what it remembers to have taken. */
  private readonly taken = new Map<string, string>();
  private log: Logged[] = [];
  private connection = 1;
  private published = 0;
  private others = 0;
  /** Published and not acknowledged, with how often over this connection. */
  private readonly unacknowledged = new Map<string, number>();
  /** To be sent again over the same connection. */
  private again: string[] = [];
  private toServer: string[] = [];
  private replies: Reply[] = [];
  private stream: Item[] = [];
  private at = { epoch: 'e1', offset: 0 };
  readonly sequencer: Sequencer<Message, string>;

  constructor(private readonly echo: boolean) {
    this.sequencer = createSequencer<Message, string>(
      (item) => {
        if (item.lost !== undefined) this.noteLoss(item);
        this.at = { epoch: item.epoch, offset: item.offset };
        this.out.push(item);
      },
      (repeated) => this.repeated.push(repeated),
    );
    this.sequencer.joined({ epoch: 'e1', offset: 0 });
  }

  act(act: Act): void {
    switch (act) {
      case 'other publishes':
        return this.append(`o${(this.others += 1)}`, 0);
      case 'other publishes volatile':
        return this.push(`v${(this.others += 1)}`, 0);
      case 'publish':
        return this.send(`m${(this.published += 1)}`);
      case 'server takes':
        return this.take(true, false);
      case 'server takes, and says unavailable':
        return this.take(true, true);
      case 'server refuses for now':
        return this.take(false, true);
      case 'server refuses for good':
        return this.refuse();
      case 'send again':
        return this.sendAgain();
      case 'reply arrives':
        return this.arrive(this.replies.shift());
      case 'message arrives':
        return this.deliver();
      case 'cut':
        return this.reconnect(false);
      case 'cut, and history is gone':
        return this.reconnect(true);
      case 'messages are lost':
        return this.lose();
      case 'epoch changes':
        return this.changeEpoch(false);
      case 'epoch changes, nothing lost':
        return this.changeEpoch(true);
      case 'end of history is lost':
        return this.loseEnd();
      case 'message comes again':
        return this.sendOld(Math.floor(this.log.length / 2));
      case 'message is numbered again':
        return this.numberAgain(Math.floor(this.log.length / 2));
    }
  }

  /** The ids of the history as it is in the end. */
  history(): string[] {
    return this.log.map(({ id }) => id);
  }

  /** Has a faulty server send every message of others again, in its old place and in a new one. */
  sendAllAgain(): void {
    const { length } = this.log;
    for (let index = 0; index < length; index += 1) {
      this.sendOld(index);
      this.numberAgain(index);
    }
  }

  /** Lets everything come to its end. */
  settle(): void {
    while (this.toServer.length + this.replies.length + this.again.length > 0) {
      while (this.again.length > 0) this.sendAgain();
      while (this.toServer.length > 0) this.take(true, false);
      while (this.replies.length > 0) this.arrive(this.replies.shift());
    }
    while (this.stream.length > 0) this.deliver();
  }

  private key(offset: number): string {
    return `e${this.epoch}:${offset}`;
  }

  private append(id: string, origin: number): void {
    this.log.push({ id, origin });
    const offset = this.log.length;
    this.accepted.push({ key: this.key(offset), id });
    this.places.set(this.key(offset), id);
    this.taken.set(id, this.key(offset));
    if (origin !== this.connection || this.echo) this.push(id, origin, offset);
  }

  private push(id: string, origin: number, offset?: number): void {
    const isOwn = origin !== 0;
    const from = isOwn ? 'me' : 'other';
    this.stream.push({ message: { from, id, timestamp: 0, ...(offset !== undefined && { offset }) }, isOwn });
  }

  /** Of the user's own, a client cannot know which may come again: those are left alone. */
  private sendOld(index: number): void {
    const logged = this.log[index];
    if (logged?.origin !== 0) return;
    this.faults.push(logged.id);
    this.push(logged.id, 0, index + 1);
  }

  private numberAgain(index: number): void {
    const logged = this.log[index];
    if (logged?.origin !== 0) return;
    this.log.push(logged);
    this.faults.push(logged.id);
    this.push(logged.id, 0, this.log.length);
  }

  private send(id: string): void {
    this.unacknowledged.set(id, (this.unacknowledged.get(id) ?? 0) + 1);
    this.sequencer.publishing(id, ({ offset }) => ({ from: 'me', id, offset, timestamp: 0 }));
    this.toServer.push(id);
  }

  private sendAgain(): void {
    const id = this.again.shift();
    if (id !== undefined) this.send(id);
  }

  private take(takesEffect: boolean, unavailable: boolean): void {
    const id = this.toServer.shift();
    if (id === undefined) return;
    const known = this.taken.get(id);
    if (takesEffect && known === undefined) this.append(id, this.connection);
    const [epoch = '', offset] = (known ?? this.key(this.log.length)).split(':');
    const ack = { epoch, offset: Number(offset), ...(known !== undefined && { duplicate: true as const }) };
    this.replies.push(unavailable ? { id } : { id, ack });
  }

  /** Refused without effect: never one that may have had it over another connection. */
  private refuse(): void {
    const [id] = this.toServer;
    if (id === undefined || this.accepted.some((one) => one.id === id)) return;
    this.toServer.shift();
    this.replies.push({ id, ack: {} });
  }

  private arrive(reply: Reply | undefined): void {
    if (reply === undefined) return;
    const { id, ack } = reply;
    if (ack === undefined) {
      this.again.push(id);
      return;
    }
    const sends = this.unacknowledged.get(id);
    this.unacknowledged.delete(id);
    const failed = ack.epoch === undefined;
    this.sequencer.answered(id, failed ? undefined : ack, ack.duplicate === true && sends === 1);
  }

  private deliver(): void {
    const item = this.stream.shift();
    if (item === undefined) return;
    if ('message' in item) this.sequencer.received(item.message, item.isOwn);
    else this.sequencer.gap(item.gap);
  }

  private reconnect(gone: boolean): void {
    this.sequencer.disconnected();
    this.connection += 1;
    this.toServer = [];
    this.replies = [];
    this.stream = [];
    this.again = [];
    const position = this.sequencer.position() ?? { epoch: '', offset: 0 };
    const epoch = `e${this.epoch}`;
    const end = this.log.length;
    const shared = this.names.get(position.epoch) ?? 0;
    const isShared = this.names.has(position.epoch) && position.offset <= shared;
    const lost = gone ? 'trimmed' : isShared ? undefined : 'epoch';
    const start = gone ? end : Math.min(position.offset, shared);
    this.sequencer.joined({ epoch, offset: start }, lost);
    for (const [index, { id, origin }] of this.log.entries()) {
      if (index >= start) this.push(id, origin, index + 1);
    }
    const unacknowledged = [...this.unacknowledged.keys()];
    this.unacknowledged.clear();
    for (const id of unacknowledged) this.send(id);
  }

  private lose(): void {
    this.stream = [{ gap: { epoch: `e${this.epoch}`, offset: this.log.length, reason: 'dropped' } }];
  }

  private changeEpoch(recovered: boolean): void {
    const offset = recovered ? this.log.length : 0;
    if (!recovered) {
      this.stream = [];
      this.log = [];
      this.names.clear();
    }
    this.beginEpoch(offset, recovered);
  }

  /** The room goes on from before, and the server does not remember what came after that. */
  private loseEnd(): void {
    const shared = Math.max(0, this.log.length - MAX_ENDING);
    for (const { id } of this.log.splice(shared)) this.taken.delete(id);
    for (const [name, end] of this.names) this.names.set(name, Math.min(end, shared));
    this.beginEpoch(shared, false);
  }

  private beginEpoch(offset: number, recovered: boolean): void {
    this.epoch += 1;
    this.names.set(`e${this.epoch}`, Infinity);
    for (const [index, { id }] of this.log.entries()) this.places.set(this.key(index + 1), id);
    this.stream.push({ gap: { epoch: `e${this.epoch}`, offset, reason: 'epoch', ...(recovered && { recovered }) } });
  }

  private noteLoss({ epoch, offset }: { epoch: string; offset: number }): void {
    this.lost.push(`${this.at.epoch}:${this.at.offset} to ${epoch}:${offset}`);
  }
}

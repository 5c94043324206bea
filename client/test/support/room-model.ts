import { createSequencer, type Sequencer, type Acknowledged, type Ordered } from '../../src/sequencer.js';

interface Message {
  readonly id: string;
  readonly offset?: number;
}

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
] as const;
export type Act = (typeof ACTS)[number];

/**
 * A room, its server, and a connection to it that publishes and breaks, without any of them: just what the protocol
 * says of the order in which things come.
 */
export class RoomModel {
  readonly out: Ordered<Message, string>[] = [];
  /** Offsets of which it was said that they are lost, by epoch. */
  readonly lost: string[] = [];
  readonly accepted: { key: string; id: string }[] = [];
  private epoch = 1;
  /** Names under which the server knows its present numbering. */
  private readonly names = new Set(['e1']);
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
    this.sequencer = createSequencer<Message, string>((item) => {
      if (item.lost !== undefined) this.noteLoss(item);
      this.at = { epoch: item.epoch, offset: item.offset };
      this.out.push(item);
    });
    this.sequencer.joined({ epoch: 'e1', offset: 0 });
  }

  act(act: Act): void {
    switch (act) {
      case 'other publishes':
        return this.append(`o${(this.others += 1)}`, 0);
      case 'other publishes volatile':
        return void this.stream.push({ message: { id: `v${(this.others += 1)}` }, isOwn: false });
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
    if (origin !== this.connection || this.echo) {
      this.stream.push({ message: { id, offset }, isOwn: origin !== 0 });
    }
  }

  private send(id: string): void {
    this.unacknowledged.set(id, (this.unacknowledged.get(id) ?? 0) + 1);
    this.sequencer.publishing(id, ({ offset }) => ({ id, offset }));
    this.toServer.push(id);
  }

  private sendAgain(): void {
    const id = this.again.shift();
    if (id !== undefined) this.send(id);
  }

  private take(takesEffect: boolean, unavailable: boolean): void {
    const id = this.toServer.shift();
    if (id === undefined) return;
    const known = this.accepted.findLast((one) => one.id === id);
    if (takesEffect && known === undefined) this.append(id, this.connection);
    const place = known?.key ?? this.key(this.log.length);
    const [epoch = '', offset] = place.split(':');
    const ack = { epoch, offset: Number(offset), ...(known && { duplicate: true as const }) };
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
    const lost = gone ? 'trimmed' : this.names.has(position.epoch) ? undefined : 'epoch';
    const start = gone ? end : lost === undefined ? position.offset : 0;
    this.sequencer.joined({ epoch, offset: start }, lost);
    for (const [index, { id, origin }] of this.log.entries()) {
      if (index < start) continue;
      this.stream.push({ message: { id, offset: index + 1 }, isOwn: origin !== 0 });
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
    this.epoch += 1;
    this.names.add(`e${this.epoch}`);
    this.stream.push({ gap: { epoch: `e${this.epoch}`, offset, reason: 'epoch', ...(recovered && { recovered }) } });
  }

  private noteLoss({ epoch, offset }: { epoch: string; offset: number }): void {
    this.lost.push(`${this.at.epoch}:${this.at.offset} to ${epoch}:${offset}`);
  }
}

/** One message of the run. */
export interface Message {
  readonly n: number;
  readonly id: string;
  readonly room: string;
  readonly userId: string;
  readonly text: string;
  /** Numbers of the connections that it was sent on: those do not get it back. */
  readonly sentOn: Set<number>;
  /** Where the server put it, once anybody knows. */
  offset: number | undefined;
  acknowledged: boolean;
}

/** What all clients together know: each message, and the one place of it in the one order of its room. */
export class Ledger {
  /** What must not be; empty when all is well. */
  readonly violations: string[] = [];
  readonly messages: Message[] = [];
  /** Deliveries to all clients. */
  deliveries = 0;
  private readonly places = new Map<string, Message[]>();
  private connections = 0;
  private readonly waiting = new Set<{ readonly at: number; readonly resolve: () => void }>();

  /** @param total how many messages the run has */
  constructor(private readonly total: number) {}

  /** True when every message has been sent at least once. */
  get isOver(): boolean {
    return this.messages.length >= this.total;
  }

  nextConnection(): number {
    return (this.connections += 1);
  }

  /** How often clients have connected. */
  get connects(): number {
    return this.connections;
  }

  /** A message to send; undefined when there are enough. */
  create(room: string, userId: string, text: string): Message | undefined {
    if (this.isOver) return undefined;
    const n = this.messages.length;
    const message = { n, id: `${userId}-${n}`, room, userId, text, sentOn: new Set<number>() };
    this.messages.push({ ...message, offset: undefined, acknowledged: false });
    for (const waiter of this.waiting) {
      if (n < waiter.at && !this.isOver) continue;
      this.waiting.delete(waiter);
      waiter.resolve();
    }
    return this.messages[n];
  }

  /** Resolves when so many more messages have been sent, or the last one. */
  progress(count: number): Promise<void> {
    if (this.isOver) return Promise.resolve();
    return new Promise((resolve) => this.waiting.add({ at: this.messages.length + count, resolve }));
  }

  /** Takes that a message has been seen at an offset; it must be the same for all who see it. */
  place(message: Message | undefined, room: string, offset: number): void {
    if (message === undefined || message.room !== room) {
      this.fail(`a message at ${offset} of ${room} that nobody sent there`);
      return;
    }
    const places = this.placesOf(room);
    const there = (places[offset] ??= message);
    if (there !== message) this.fail(`${message.id} and ${there.id} are both at ${offset} of ${room}`);
    message.offset ??= offset;
    if (message.offset !== offset) this.fail(`${message.id} is at ${message.offset} and at ${offset} of ${room}`);
  }

  at(room: string, offset: number): Message | undefined {
    return this.placesOf(room)[offset];
  }

  head(room: string): number {
    return Math.max(0, this.placesOf(room).length - 1);
  }

  fail(what: string): void {
    this.violations.push(what);
  }

  /** Every message was acknowledged, and each room's numbers are 1, 2, 3, … with one message each. */
  check(): void {
    for (const { id, acknowledged } of this.messages) if (!acknowledged) this.fail(`${id} was not acknowledged`);
    for (const [room, places] of this.places) {
      for (let offset = 1; offset < places.length; offset += 1) {
        if (places[offset] === undefined) this.fail(`nobody knows ${offset} of ${room}`);
      }
    }
  }

  private placesOf(room: string): Message[] {
    let places = this.places.get(room);
    if (places === undefined) this.places.set(room, (places = []));
    return places;
  }
}

import type { NumberedPublication, Publication, PublishRequest } from '../publication.js';

/**
 * A publication on its way through Redis is a frame: a line with the lengths of its parts, `v` before it where it is
 * volatile, then the parts one after the other. Whatever they consist of, nothing has to be escaped or parsed. Lengths
 * are those of JavaScript, which UTF-8 and back leave as they are.
 */
export function frameOf({ data, from = '', origin = '', volatile }: PublishRequest, id: string): string {
  const lengths = `${id.length},${from.length},${origin.length},${data.length}`;
  return `${volatile ? 'v' : ''}${lengths}\n${id}${from}${origin}${data}`;
}

/** What nodes that subscribe to a room get: a run of publications. */
export interface Delivery {
  readonly epoch: string;
  /** The offset that the room's next message has after those before this delivery. */
  readonly next: number;
  readonly publications: readonly Publication[];
}

/** A delivery as the script that publishes makes it. */
export function deliveryOf(epoch: string, first: number, timestamp: number, frames: readonly string[]): string {
  return `${epoch}\n${first}\n${timestamp}\n${frames.join('')}`;
}

/** Reads a delivery: lines with its epoch, the offset of its first numbered publication and its time, then frames. */
export function readDelivery(text: string): Delivery {
  const reader = new FrameReader(text);
  const epoch = reader.line();
  const next = Number(reader.line());
  const timestamp = Number(reader.line());
  const publications: Publication[] = [];
  let offset = next;
  while (!reader.done) {
    const volatile = reader.skip('v');
    publications.push(reader.publication(timestamp, volatile ? undefined : offset));
    if (!volatile) offset += 1;
  }
  return { epoch, next, publications };
}

/** Reads an entry of a room's stream, whose id is `offset-milliseconds`. */
export function readEntry(id: string, frame: string): NumberedPublication {
  const dash = id.indexOf('-');
  const offset = Number(id.slice(0, dash));
  return { ...new FrameReader(frame).publication(Number(id.slice(dash + 1)), offset), offset };
}

class FrameReader {
  private at = 0;

  constructor(private readonly text: string) {}

  get done(): boolean {
    return this.at >= this.text.length;
  }

  line(): string {
    const end = this.text.indexOf('\n', this.at);
    if (end < 0) throw new RangeError('a line has no end');
    return this.take(end - this.at, 1);
  }

  skip(mark: string): boolean {
    if (!this.text.startsWith(mark, this.at)) return false;
    this.at += mark.length;
    return true;
  }

  publication(timestamp: number, offset: number | undefined): Publication {
    const [id = 0, from = 0, origin = 0, data = 0] = this.line().split(',').map(Number);
    const parts = { id: this.take(id), from: this.take(from), origin: this.take(origin), data: this.take(data) };
    return {
      id: parts.id,
      data: parts.data,
      timestamp,
      ...(offset === undefined ? {} : { offset }),
      ...(from === 0 ? {} : { from: parts.from }),
      ...(origin === 0 ? {} : { origin: parts.origin }),
    };
  }

  private take(length: number, andSkip = 0): string {
    const end = this.at + length;
    // Also where a length is no number: nothing that was not written by `frameOf` may pass for a publication.
    if (!(end <= this.text.length)) throw new RangeError('a frame is cut short');
    const taken = this.text.slice(this.at, end);
    this.at = end + andSkip;
    return taken;
  }
}

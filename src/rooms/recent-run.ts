import type { HistoryPage, PageLimit } from '../broker/broker.js';
import type { NumberedPublication } from '../broker/publication.js';

/** Memory that a publication takes in addition to its text. */
const OVERHEAD_BYTES = 200;

/** Limit on the pages that are kept for others: they may hold the bytes of their messages, too. */
const MAX_CUTS = 4;

/** A page, and how far it goes. */
interface Cut {
  readonly page: HistoryPage;
  /** The limit of a page ended it, so that later messages do not change it. */
  readonly isFull: boolean;
}

/**
 * The end of a room's history as this node has read it and received it since: messages without a gap. Members that
 * return at the same position get the same page from it.
 */
export class RecentRun {
  private readonly publications: NumberedPublication[] = [];
  private readonly cuts = new Map<number, Cut>();
  private bytes = 0;

  /**
   * @param after offset after which the run begins
   * @param onGrowth called with the bytes that each message adds
   */
  constructor(
    readonly epoch: string,
    private readonly after: number,
    private readonly limit: PageLimit,
    private readonly onGrowth: (bytes: number) => void,
  ) {}

  /** Offset of the last message. */
  get end(): number {
    return this.after + this.publications.length;
  }

  /** Memory that the messages take. */
  get size(): number {
    return this.bytes;
  }

  /** Adds the next message; ignores any other. */
  add(publication: NumberedPublication): void {
    if (publication.offset !== this.end + 1) return;
    this.publications.push(publication);
    for (const [offset, { isFull }] of this.cuts) if (!isFull) this.cuts.delete(offset);
    const bytes = publication.data.length + OVERHEAD_BYTES;
    this.bytes += bytes;
    this.onGrowth(bytes);
  }

  /** Returns the page that follows an offset, the same object to all who ask for it; undefined if it is not in here. */
  pageAfter(offset: number): HistoryPage | undefined {
    if (offset < this.after || offset >= this.end) return undefined;
    const known = this.cuts.get(offset);
    if (known !== undefined) return known.page;
    const cut = this.cut(offset);
    if (this.cuts.size >= MAX_CUTS) this.cuts.clear();
    this.cuts.set(offset, cut);
    return cut.page;
  }

  private cut(after: number): Cut {
    const publications: NumberedPublication[] = [];
    const { count, bytes } = this.limit;
    let size = 0;
    for (let index = after - this.after; index < this.publications.length; index += 1) {
      const publication = this.publications[index];
      if (publication === undefined) break;
      size += publication.data.length;
      const isOver = publications.length === count || (publications.length > 0 && size > bytes);
      if (isOver) break;
      publications.push(publication);
    }
    const isFull = after + publications.length < this.end;
    return { page: { head: { epoch: this.epoch, offset: this.end }, after, publications }, isFull };
  }
}

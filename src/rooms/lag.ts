import type { Publication } from '../broker/publication.js';
import type { Overflow } from '../config/room-rule.js';
import type { Position } from '../protocol/position.js';
import type { DropReason } from '../telemetry/telemetry.js';

interface Waiting {
  readonly epoch: string;
  readonly publication: Publication;
}

/** What a member that lagged gets when it reads again. */
export type Resumed =
  | { readonly publication: Publication }
  | { readonly gap: Position; readonly reason: 'dropped' | 'epoch'; readonly recovered?: true };

/** What a waiting message takes besides its text. */
const OVERHEAD_BYTES = 200;

/**
 * What waits for a member of a room without history while its outbox is full, after the room's rule. Bounded: what
 * does not fit is dropped and counted, and what is missing is said when the rest is handed over.
 */
export class Lag {
  private waiting: Waiting[] = [];
  private bytes = 0;
  private readonly most: number;
  private hasGoneOn = false;

  /** @param start where the member stands */
  constructor(
    private readonly overflow: Exclude<Overflow, 'disconnect'>,
    public start: Position,
    private readonly maxBytes: number,
    private readonly onDrop: (reason: DropReason) => void,
  ) {
    this.most = overflow === 'keep-latest' ? 1 : Infinity;
  }

  add(epoch: string, publication: Publication): void {
    this.waiting.push({ epoch, publication });
    this.bytes += publication.data.length + OVERHEAD_BYTES;
    while (this.waiting.length > this.most || (this.waiting.length > 1 && this.bytes > this.maxBytes)) this.drop();
  }

  /** Continues in a new epoch in which nothing is lost. */
  goOn(epoch: string): void {
    this.start = { ...this.start, epoch };
    this.waiting = this.waiting.map(({ publication }) => ({ epoch, publication }));
    this.hasGoneOn = true;
  }

  /** What waits, with a gap before each message that does not follow the one before, up to where the room stands. */
  resume(room: Position): Resumed[] {
    const resumed: Resumed[] = [];
    let at = this.start;
    if (this.hasGoneOn) resumed.push({ gap: at, reason: 'epoch', recovered: true });
    const reach = (position: Position): void => {
      if (position.epoch === at.epoch && position.offset === at.offset) return;
      resumed.push({ gap: position, reason: position.epoch === at.epoch ? 'dropped' : 'epoch' });
    };
    for (const { epoch, publication } of this.waiting) {
      const { offset } = publication;
      if (offset !== undefined) {
        reach({ epoch, offset: offset - 1 });
        at = { epoch, offset };
      }
      resumed.push({ publication });
    }
    reach(room);
    return resumed;
  }

  private drop(): void {
    const dropped = this.waiting.shift();
    if (dropped === undefined) return;
    this.bytes -= dropped.publication.data.length + OVERHEAD_BYTES;
    this.onDrop(this.overflow);
  }
}

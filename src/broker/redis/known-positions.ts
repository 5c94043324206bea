import type { Position } from '../../protocol/position.js';

/** How far rooms have come that this node published to. Bounded: the longest untouched go first. */
export class KnownPositions {
  private readonly positions = new Map<string, Position>();

  /** @param max how many at most */
  constructor(private readonly max: number) {}

  keep(room: string, position: Position): void {
    this.positions.delete(room);
    this.positions.set(room, position);
    if (this.positions.size <= this.max) return;
    const [oldest] = this.positions.keys();
    if (oldest !== undefined) this.positions.delete(oldest);
  }

  find(room: string): Position | undefined {
    return this.positions.get(room);
  }

  all(): { readonly room: string; readonly known: Position }[] {
    return [...this.positions].map(([room, known]) => ({ room, known }));
  }
}

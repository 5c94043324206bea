import type { Member } from '../../src/protocol/messages.js';
import type { Emitter } from './emitter.js';

export interface PresenceEvents {
  change: PresenceList;
}

/** Who is in a room, kept up to date. */
export interface PresenceList extends Pick<Emitter<PresenceEvents>, 'on' | 'once' | 'off'> {
  readonly members: readonly Member[];
  readonly size: number;
  readonly partial: boolean;
  refresh(): Promise<void>;
  close(): void;
}

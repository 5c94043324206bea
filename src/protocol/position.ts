/**
 * A place in a room's history. Positions of one epoch are ordered by offset; positions of different epochs cannot be
 * compared.
 */
export interface Position {
  /** Names one history of the room. Opaque; a new one means that the numbering began anew. */
  readonly epoch: string;
  /** Number of the last message seen; 0 before the first. */
  readonly offset: number;
}

/** In UTF-16 code units. */
export const MAX_EPOCH_LENGTH = 64;

/** Why messages cannot be had any more. */
export type LossReason = 'epoch' | 'trimmed' | 'expired';

/** Why a recovery was not complete. */
export type RecoveryFailure = LossReason | 'forbidden';

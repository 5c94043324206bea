import type { JoinedPayload, RoomMessagePayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import { clientError, type RookeryError } from './errors.js';
import type { DirectMessage, Gap } from './messages.js';
import { createSequencer, type Ordered } from './sequencer.js';
import { validated, type StandardIssue, type StandardResult, type StandardSchemaV1 } from './standard-schema.js';

type Reason = Gap['reason'];
type Payload = Omit<RoomMessagePayload, 'room'>;

/** What a feed is a part of. */
export interface FeedContext {
  /** The user of the present connection. */
  userId(): string | undefined;
  /** Is told what has been handled. */
  readonly keeper: { moveTo(room: string, position: Position): void };
  /** More would have to be kept than can be: it is better had anew over another connection. */
  readonly overflow: () => void;
}

export interface FeedListener {
  onMessage(message: DirectMessage): void;
  onGap(gap: Gap): void;
  onError(error: RookeryError): void;
  /**
   * Counts own messages from before the room is joined.
   *
   * @returns false when there are more than are kept
   */
  readonly keepsEarly?: (more: number) => boolean;
  onInvalid?(message: DirectMessage, issues: readonly StandardIssue[]): void;
}

/** So many messages may wait for an acknowledgement; beyond, they are better had anew over another connection. */
const MAX_WAITING = 10_000;

/** The messages of one room, from the wire to the application: in order, each once, checked. */
export function createFeed(room: string, context: FeedContext, listener: FeedListener, schema?: StandardSchemaV1) {
  let position: Position | undefined;
  const sequencer = createSequencer<Payload, Reason>(
    pass,
    (repeated) => listener.onError(clientError('OUT_OF_ORDER', 'Repeated or out of order', { room, ...repeated })),
    listener.keepsEarly,
  );
  /** Set while something is being checked that takes its time. What comes after it waits. */
  let checking: Promise<void> | undefined;
  /** Grows when what is on its way is not wanted any more. */
  let generation = 0;

  function joined({ epoch, offset, recovered, reason = 'epoch' }: JoinedPayload): void {
    sequencer.joined({ epoch, offset }, recovered === false ? reason : undefined);
    // Holes may be its own that nothing will fill: over another connection the server fills them. Not before the other
    // rooms of the reply have taken theirs.
    if (recovered !== undefined && listener.keepsEarly?.(0) === false) queueMicrotask(context.overflow);
  }

  /** Nothing more comes out. */
  function stop(): void {
    generation += 1;
    position = undefined;
    sequencer.forget();
  }

  function received(payload: Payload): void {
    sequencer.received(payload, payload.from === context.userId());
    if (sequencer.waiting() > MAX_WAITING) context.overflow();
  }

  function publishing(id: string, data: string): void {
    const from = context.userId() ?? '';
    sequencer.publishing(id, ({ offset }) => ({
      // As the others get it, whatever the application does with its own.
      data: JSON.parse(data) as unknown,
      from,
      id,
      offset,
      timestamp: Date.now(),
    }));
  }

  /** What comes while something is being checked waits for it. */
  function pass(item: Ordered<Payload, Reason>): void {
    const wanted = generation;
    const handleIt = (): Promise<void> | undefined => handle(item, wanted);
    const pending = checking === undefined ? handleIt() : checking.then(handleIt);
    if (pending === undefined) return;
    const settled = pending.then(() => {
      if (checking === settled) checking = undefined;
    });
    checking = settled;
  }

  /** @returns something to wait for, where the validator takes its time */
  function handle(
    { epoch, offset, message, lost }: Ordered<Payload, Reason>,
    wanted: number,
  ): Promise<void> | undefined {
    if (wanted !== generation) return undefined;
    if (lost !== undefined) listener.onGap({ room, reason: lost, epoch, offset });
    const give = (result?: StandardResult<unknown>): void => {
      if (wanted !== generation) return;
      if (message !== undefined && result !== undefined) {
        const whole: DirectMessage = message.offset === undefined ? message : { ...message, epoch };
        if (result.issues === undefined) listener.onMessage({ ...whole, data: result.value });
        else listener.onInvalid?.(whole, result.issues);
      }
      // The application may have left the room on what it was given: there is no position to keep then.
      if (wanted !== generation) return;
      position = { epoch, offset };
      context.keeper.moveTo(room, position);
    };
    const result = message && validated(schema, message.data);
    if (result instanceof Promise) return result.then(give);
    give(result);
    return undefined;
  }

  return {
    ...sequencer,
    room,
    joined,
    stop,
    received,
    publishing,
    /** Everything up to here came, and what follows is wanted. */
    reached: sequencer.position,
    /** Where the application is. */
    position: () => position,
  };
}

export type Feed = ReturnType<typeof createFeed>;

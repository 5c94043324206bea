import type { NumberedPublication } from '../publication.js';
import { frameOf } from './frames.js';
import type { Way } from './known-positions.js';
import type { RoomAccess } from './publish-queue.js';
import type { RoomMessages } from './recent-messages.js';
import { readStandings, type Standing } from './replies.js';

/** Limits of one script call, which blocks Redis for all clients. */
const MAX_MESSAGES = 256;
const MAX_CHARACTERS = 256 * 1024;

/**
 * Restores messages in Redis that this node has seen and Redis lost with its last run, because a promoted replica lagged
 * behind or a file was incomplete.
 */
export class Restorer {
  /** @param node identifies this node among those that report what they know */
  constructor(
    private readonly node: string,
    private readonly access: RoomAccess,
  ) {}

  /**
   * Restores the messages after the position of a room in Redis. Other nodes may do so at the same time: each batch
   * continues from the position that the last reply gave.
   *
   * @returns the position of the room after that
   * @throws BrokerUnavailableError
   */
  async restore(room: string, head: Standing): Promise<Standing> {
    const recent = this.access.recent.of(room);
    let standing = head;
    for (;;) {
      const way = this.access.known.wayFrom(room, standing) ?? { epoch: standing.epoch, isLossy: false, legs: [] };
      const messages = messagesOn(way, standing.offset, recent);
      const batch = messages.slice(0, endOfBatch(messages));
      const isLast = batch.length === messages.length;
      const reached = await this.send(room, standing, way, batch, isLast);
      const isStuck = reached.epoch === standing.epoch && reached.offset === standing.offset;
      if (!reached.isGathering || isLast || isStuck) return reached;
      standing = reached;
    }
  }

  private async send(
    room: string,
    standing: Standing,
    { epoch, isLossy, legs }: Way,
    messages: readonly NumberedPublication[],
    isLast: boolean,
  ): Promise<Standing> {
    const { positionTtlMs, deduplicationWindowMs } = this.access.options;
    const { historySize, historyTtlMs } = this.access.rules.of(room);
    const keys = this.access.keys.all(room);
    const args = [
      this.access.freshEpoch(),
      positionTtlMs,
      historySize,
      historyTtlMs,
      deduplicationWindowMs,
      this.access.known.isListening(room) ? this.node : '',
      this.access.known.of(room),
      `${epoch}${isLossy ? '!' : ''}`,
      legs.map((leg) => `${leg.epoch}:${leg.base}${leg.isLossy ? '!' : ''}`).join(' '),
      standing.offset + 1,
      isLast ? 'last' : '',
    ].map(String);
    for (const message of messages) {
      keys.push(this.access.keys.id(room, message.from ?? '', message.id));
      args.push(String(message.timestamp), frameOf({ room, ...message }, message.id));
    }
    const [reached] = readStandings(await this.access.commands.run('rookeryRestore', keys, args));
    return reached ?? standing;
  }
}

/** Returns the messages after an offset along a way, up to the first one that is not stored. */
function messagesOn({ epoch, legs }: Way, after: number, recent: RoomMessages): NumberedPublication[] {
  const messages: NumberedPublication[] = [];
  let present = epoch;
  let next = 0;
  for (let offset = after; ; offset += 1) {
    for (let leg = legs[next]; leg !== undefined && leg.base <= offset; leg = legs[next]) {
      present = leg.epoch;
      next += 1;
    }
    const message = recent.get(present)?.get(offset + 1);
    if (message === undefined) return messages;
    messages.push(message);
  }
}

function endOfBatch(messages: readonly NumberedPublication[]): number {
  let characters = 0;
  for (const [index, { data }] of messages.entries()) {
    characters += data.length;
    if (index > 0 && (index >= MAX_MESSAGES || characters > MAX_CHARACTERS)) return index;
  }
  return messages.length;
}

import type { RoomRules } from '../../config/room-rules.js';
import type { RookeryOptions } from '../../config/rookery.options.js';
import type { NumberedPublication } from '../publication.js';
import type { CommandQueue } from './command-queue.js';
import { frameOf } from './frames.js';
import type { KnownPositions, Way } from './known-positions.js';
import type { RecentMessages, RoomMessages } from './recent-messages.js';
import { readStandings, type Standing } from './replies.js';
import type { RoomKeys } from './room-keys.js';

/** One script call holds up Redis for everybody: it gets so much at most. */
const MAX_MESSAGES = 256;
const MAX_CHARACTERS = 256 * 1024;

/**
 * Gives back to Redis what this node has seen of rooms and Redis has lost with its last run: a replica was behind when
 * it was promoted, or a file was not written to its end.
 */
export class Restorer {
  /** @param node by which Redis tells the nodes apart that have said what they know */
  constructor(
    private readonly node: string,
    private readonly options: RookeryOptions,
    private readonly rules: RoomRules,
    private readonly keys: RoomKeys,
    private readonly commands: CommandQueue,
    private readonly freshEpoch: () => string,
    private readonly known: KnownPositions,
    private readonly recent: RecentMessages,
  ) {}

  /**
   * Gives back what followed the position at which a room stands in Redis. Other nodes may do so at the same time: each
   * goes on from where the room stands by then.
   *
   * @returns where it stands at the end
   * @throws BrokerUnavailableError
   */
  async restore(room: string, head: Standing): Promise<Standing> {
    const recent = this.recent.of(room);
    let standing = head;
    for (;;) {
      const way = this.known.wayFrom(room, standing) ?? { epoch: standing.epoch, legs: [] };
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
    { epoch, legs }: Way,
    messages: readonly NumberedPublication[],
    isLast: boolean,
  ): Promise<Standing> {
    const { positionTtlMs, deduplicationWindowMs } = this.options;
    const { historySize, historyTtlMs } = this.rules.of(room);
    const keys = this.keys.ofRoom(room);
    const args = [
      this.freshEpoch(),
      positionTtlMs,
      historySize,
      historyTtlMs,
      deduplicationWindowMs,
      this.known.isListening(room) ? this.node : '',
      this.known.of(room),
      epoch,
      legs.map((leg) => `${leg.epoch}:${leg.base}${leg.isLossy ? '!' : ''}`).join(' '),
      standing.offset + 1,
      isLast ? 'last' : '',
    ].map(String);
    for (const message of messages) {
      keys.push(this.keys.id(room, message.from ?? '', message.id));
      args.push(String(message.timestamp), frameOf({ room, ...message }, message.id));
    }
    const [reached] = readStandings(await this.commands.run('rookeryRestore', keys, args));
    return reached ?? standing;
  }
}

/** The messages on the way from an offset, up to the first one that is not remembered. */
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

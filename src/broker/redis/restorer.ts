import type { RoomRules } from '../../config/room-rules.js';
import type { RookeryOptions } from '../../config/rookery.options.js';
import type { NumberedPublication } from '../publication.js';
import type { CommandQueue } from './command-queue.js';
import { frameOf } from './frames.js';
import type { KnownPositions } from './known-positions.js';
import type { RecentMessages } from './recent-messages.js';
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
   * Gives back what followed the position at which a room stands in Redis.
   *
   * @returns where it stands by then
   * @throws BrokerUnavailableError
   */
  async restore(room: string, head: Standing): Promise<Standing> {
    const messages = this.recent.after(room, head);
    let standing = head;
    for (let start = 0; ;) {
      const end = endOfBatch(messages, start);
      standing = await this.send(room, head, messages.slice(start, end), end >= messages.length);
      if (!standing.isGathering || end >= messages.length) return standing;
      start = end;
    }
  }

  private async send(
    room: string,
    head: Standing,
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
      head.epoch,
      messages[0]?.offset ?? 0,
      isLast ? 'last' : '',
    ].map(String);
    for (const message of messages) {
      keys.push(this.keys.id(room, message.from ?? '', message.id));
      args.push(String(message.timestamp), frameOf({ room, ...message }, message.id));
    }
    const [standing] = readStandings(await this.commands.run('rookeryRestore', keys, args));
    return standing ?? head;
  }
}

function endOfBatch(messages: readonly NumberedPublication[], start: number): number {
  let characters = 0;
  for (let end = start; end < messages.length; end += 1) {
    characters += messages[end]?.data.length ?? 0;
    if (end > start && (end - start >= MAX_MESSAGES || characters > MAX_CHARACTERS)) return end;
  }
  return messages.length;
}

import { Batch } from './batch.js';
import type { Asked } from './known-positions.js';
import type { RoomAccess } from './publish-queue.js';
import { readComparison, readStandings, type Comparison, type Standing } from './replies.js';
import { Restorer } from './restorer.js';

/** Limit on the rooms in one script that are asked for by those who enter them. */
const ENTERED_AT_ONCE = 200;

/** Reads and compares the positions of many rooms. */
export class Positions {
  private readonly restorer: Restorer;
  /** Rooms that are entered in this turn: the clients of a lost node bring many at one time. */
  private readonly entered: Batch<Asked, Standing>;

  /** @param node identifies this node among those that report what they know */
  constructor(
    private readonly node: string,
    private readonly access: RoomAccess,
  ) {
    this.restorer = new Restorer(node, access);
    const { commands, options } = access;
    const most = options.redisCluster ? 1 : ENTERED_AT_ONCE;
    this.entered = new Batch(
      most,
      (rooms) => this.ask(rooms, true),
      () => commands.schedule(),
    );
    commands.onFlush(() => this.entered.flush());
  }

  /**
   * Compares the last positions of rooms with Redis.
   *
   * @param unused rooms in which this node knows of nothing that can be lost
   * @param used other rooms of the same slot, each with its last position
   * @param renew has the rooms remembered for longer
   * @throws BrokerUnavailableError
   */
  async compare(unused: readonly string[], used: readonly Asked[], renew: boolean): Promise<Comparison> {
    const { keys } = this.access;
    const names = [keys.unused(keys.slot(unused[0] ?? used[0]?.room ?? ''))];
    for (const room of unused) names.push(keys.meta(room));
    for (const { room } of used) names.push(keys.meta(room));
    const args = [...this.args(renew), String(unused.length), ...used.map(({ known }) => known)];
    const comparison = readComparison(await this.access.commands.run('rookeryCompare', names, args));
    this.hear(comparison.run);
    return comparison;
  }

  /**
   * Reports what this node knows of rooms, restores what Redis has lost of it, and returns where the rooms are.
   *
   * @returns the position of each room; undefined if it is unknown, or the room still gathers
   * @throws BrokerUnavailableError
   */
  async read(rooms: readonly Asked[], renew: boolean): Promise<readonly (Standing | undefined)[]> {
    // One script can only look at rooms of one server, and another server may be the one that is away.
    if (this.access.options.redisCluster && rooms.length > 1) {
      const each = await Promise.allSettled(rooms.map((room) => this.read([room], renew)));
      return each.map((result) => (result.status === 'fulfilled' ? result.value[0] : undefined));
    }
    const standings = await this.ask(rooms, renew);
    return Promise.all(rooms.map((room, index) => this.restore(room, standings[index])));
  }

  /**
   * Does the same for one room that is entered, by one script for all that are entered in this turn. The room is
   * remembered for longer.
   *
   * @throws BrokerUnavailableError
   */
  async readOne(room: Asked): Promise<Standing | undefined> {
    return this.restore(room, await this.entered.add(room));
  }

  /** Reads the positions of rooms, which are all on one server. */
  private async ask(rooms: readonly Asked[], renew: boolean): Promise<Standing[]> {
    const { keys, commands, known: positions } = this.access;
    const names = [keys.unused(keys.slot(rooms[0]?.room ?? '')), ...rooms.flatMap(({ room }) => keys.ofRoom(room))];
    const args = [...this.args(renew), this.node];
    for (const { room, known } of rooms) args.push(known, positions.interestIn(room));
    const standings = readStandings(await commands.run('rookeryPositions', names, args));
    const [first] = standings;
    if (first !== undefined) this.hear(first.run);
    return standings;
  }

  /** Restores what Redis has lost of a room, if it waits for that. */
  private async restore({ room }: Asked, standing: Standing | undefined): Promise<Standing | undefined> {
    if (standing?.isGathering !== true) return standing;
    if (!standing.hasLess) return undefined;
    const answered = await this.restorer.restore(room, standing);
    return answered.isGathering ? undefined : answered;
  }

  private args(renew: boolean): string[] {
    return [this.access.freshEpoch(), String(this.access.options.positionTtlMs), renew ? 'renew' : ''];
  }

  private hear(run: string): void {
    // The servers of a cluster have each their own.
    if (!this.access.options.redisCluster) this.access.known.hear(run);
  }
}

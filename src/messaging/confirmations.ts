import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';

import type { MaybePromise } from '../broker/broker.js';
import type { PublishResult } from '../broker/publication.js';
import { Cluster, type Answers } from '../cluster/cluster.js';
import type { Position } from '../protocol/position.js';
import { RoomsService } from '../rooms/rooms.service.js';
import { ConfirmationWaiter, type Confirmation } from './confirmation-waiter.js';

const CONFIRM = 'messaging:confirm';

/** Another node answers so long before the publisher's time is over that the answer is there by then. */
const MAX_HEADWAY_MS = 100;
const HEADWAY_SHARE = 0.25;

/** What is asked of the other nodes, once for each message. */
interface Question extends Position {
  readonly room: string;
  readonly timeoutMs: number;
}

/** Members of all nodes that acknowledged. */
export interface ClusterConfirmation extends Confirmation {
  /** A node did not answer: there may be more members, and more of them that acknowledged. */
  readonly partial?: true;
}

const NOBODY_ASKED: Answers = { answers: [], partial: false, gone: [] };

/** Publishers that wait until their message's members have acknowledged it, on whichever node, or for a time. */
@Injectable()
export class Confirmations implements OnModuleInit {
  private readonly waiters = new Map<string, Set<ConfirmationWaiter>>();

  constructor(
    private readonly rooms: RoomsService,
    @Inject(Cluster) private readonly cluster: Cluster,
  ) {}

  onModuleInit(): void {
    this.cluster.on(CONFIRM, (question) => this.answer(question as Question));
  }

  /**
   * Publishes, and waits for the members. Counting begins before the publish: a member may acknowledge before the
   * publisher hears that the broker has accepted.
   *
   * @param publisher the connection that does not get the message
   */
  async waitFor<T extends PublishResult>(
    room: string,
    publisher: string | undefined,
    timeoutMs: number,
    publish: () => MaybePromise<T>,
  ): Promise<T & ClusterConfirmation> {
    const members = new Set(this.rooms.members(room).map(({ clientId }) => clientId));
    if (publisher !== undefined) members.delete(publisher);
    const waiter = new ConfirmationWaiter(members);
    this.add(room, waiter);
    try {
      const accepted = await publish();
      const { epoch = '', offset = 0, duplicate } = accepted;
      if (duplicate) this.lookBack(waiter, room, { epoch, offset });
      const [others] = await Promise.all([
        this.askOthers({ room, epoch, offset, timeoutMs }),
        waiter.wait(offset, timeoutMs),
      ]);
      return { ...accepted, ...sumOf(waiter.count(), others) };
    } finally {
      this.remove(room, waiter);
    }
  }

  /** A member has dealt with everything up to the offset. */
  acknowledged(room: string, connectionId: string, offset: number): void {
    for (const waiter of this.waiters.get(room) ?? []) waiter.take(connectionId, offset);
  }

  private askOthers(question: Question): MaybePromise<Answers> {
    if (this.cluster.others().length === 0) return NOBODY_ASKED;
    const { timeoutMs } = question;
    const headwayMs = Math.min(MAX_HEADWAY_MS, timeoutMs * HEADWAY_SHARE);
    return this.cluster.ask(CONFIRM, { ...question, timeoutMs: timeoutMs - headwayMs }, timeoutMs);
  }

  /** Counts this node's members of a message that was published at another one. */
  private async answer({ room, epoch, offset, timeoutMs }: Question): Promise<Confirmation> {
    const waiter = new ConfirmationWaiter(new Set(this.rooms.members(room).map(({ clientId }) => clientId)));
    this.add(room, waiter);
    try {
      this.lookBack(waiter, room, { epoch, offset });
      await waiter.wait(offset, timeoutMs);
      return waiter.count();
    } finally {
      this.remove(room, waiter);
    }
  }

  /** The message was published before anybody asked: members may have come since then, and spoken. */
  private lookBack(waiter: ConfirmationWaiter, room: string, position: Position): void {
    waiter.keepOnly(new Set(this.rooms.joinedBefore(room, position)));
    for (const id of this.rooms.acknowledgedBy(room, position)) waiter.take(id, position.offset);
  }

  private add(room: string, waiter: ConfirmationWaiter): void {
    const waiters = this.waiters.get(room);
    if (waiters === undefined) this.waiters.set(room, new Set([waiter]));
    else waiters.add(waiter);
  }

  private remove(room: string, waiter: ConfirmationWaiter): void {
    const waiters = this.waiters.get(room);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.waiters.delete(room);
  }
}

function sumOf(own: Confirmation, { answers, partial, gone }: Answers): ClusterConfirmation {
  let { confirmed, members } = own;
  for (const { answer } of answers) {
    const theirs = answer as Confirmation;
    confirmed += theirs.confirmed;
    members += theirs.members;
  }
  // What a node had that went meanwhile is not known.
  return { confirmed, members, ...(partial || gone.length > 0 ? { partial: true } : {}) };
}

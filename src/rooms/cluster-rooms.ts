import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';

import { Cluster } from '../cluster/cluster.js';
import type { MaybePromise } from '../broker/broker.js';
import type { Member } from '../protocol/messages.js';
import { RoomsService } from './rooms.service.js';

const MEMBERS = 'rooms:members';

/** A room over all nodes. */
export interface ClusterRoom {
  readonly size: number;
  readonly members: readonly Member[];
  /** True where a node did not answer in time: there may be more members than these. */
  readonly partial: boolean;
}

interface Question {
  readonly room: string;
  readonly max: number;
}

/** Who is in which room on all nodes. */
@Injectable()
export class ClusterRooms implements OnModuleInit {
  constructor(
    @Inject(Cluster) private readonly cluster: Cluster,
    private readonly local: RoomsService,
  ) {}

  onModuleInit(): void {
    this.cluster.on(MEMBERS, (question) => this.ownMembers(question as Question));
  }

  /**
   * The room's size and its members.
   *
   * @param max how many to list at most
   */
  find(room: string, max: number): MaybePromise<ClusterRoom> {
    const own = this.ownMembers({ room, max });
    if (this.cluster.isAlone) return { ...own, partial: false };
    return this.withOthers(own, { room, max });
  }

  private async withOthers(own: Omit<ClusterRoom, 'partial'>, question: Question): Promise<ClusterRoom> {
    const { answers, partial } = await this.cluster.ask(MEMBERS, question);
    const rooms = [own, ...answers.map(({ answer }) => answer as Omit<ClusterRoom, 'partial'>)];
    return {
      size: rooms.reduce((sum, { size }) => sum + size, 0),
      members: rooms.flatMap(({ members }) => members).slice(0, question.max),
      partial,
    };
  }

  private ownMembers({ room, max }: Question): Omit<ClusterRoom, 'partial'> {
    return { size: this.local.size(room), members: this.local.members(room, max) };
  }
}

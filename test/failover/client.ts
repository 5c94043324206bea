import { setTimeout as delay } from 'node:timers/promises';

import { tokenFor } from '../support/server.js';
import { cleanUp } from '../support/teardown.js';
import type { Place } from './failover-node.js';
import { Session, type Frame, type Listener } from './session.js';

const RETRY_MS = 50;

/** Returns a node that accepts connections, if possible not the last one; undefined if there is none. */
export type Nodes = (last: string | undefined) => Place | undefined;

/** A client that connects to one node after another until it is stopped. */
export abstract class Client implements Listener {
  protected session: Session | undefined;
  private stopped = false;

  constructor(
    readonly userId: string,
    private readonly nodes: Nodes,
  ) {
    cleanUp(() => this.stop());
  }

  async run(): Promise<void> {
    let last: string | undefined;
    while (!this.stopped) {
      const place = this.nodes(last);
      if (place !== undefined) await this.visit(place);
      last = place?.name;
      await delay(RETRY_MS);
    }
  }

  stop(): void {
    this.stopped = true;
    this.session?.leave('stopped');
  }

  abstract onFrame(frame: Frame): void;
  abstract isOverdue(now: number): boolean;

  /** Returns the time until the next connection, in milliseconds. */
  protected abstract onLeft(session: Session, why: string): number;

  private async visit(place: Place): Promise<void> {
    const session = new Session(place, tokenFor({ sub: this.userId }), this);
    this.session = session;
    const why = await session.over;
    this.session = undefined;
    await delay(this.onLeft(session, why));
  }
}

import { Inject, Injectable, Logger } from '@nestjs/common';

import type { RoomAction } from '../auth/grants.js';
import type { Principal } from '../auth/principal.js';
import { RoomPolicy, type RequestingConnection } from '../auth/room-policy.js';
import type { MaybePromise } from '../broker/broker.js';
import { ProtocolError } from '../protocol/errors.js';

/** Asks the policy. A foreign room and one that does not exist are refused alike. */
@Injectable()
export class RoomAccess {
  private readonly logger = new Logger(RoomAccess.name);

  constructor(@Inject(RoomPolicy) private readonly policy: RoomPolicy) {}

  /**
   * Asks the policy; one that fails refuses.
   *
   * @param connection the one that the request came over; left out for REST
   */
  allows(
    principal: Principal,
    action: RoomAction,
    room: string,
    connection?: RequestingConnection,
  ): MaybePromise<boolean> {
    try {
      const answer = this.policy.allows(principal, action, room, connection);
      if (typeof answer === 'boolean') return answer;
      // Whatever is no plain answer, a promise of any library, is waited for; only `true` lets in.
      return Promise.resolve(answer).then(
        (late: unknown) => late === true,
        (error: unknown) => this.refuseFor(error),
      );
    } catch (error) {
      return this.refuseFor(error);
    }
  }

  /**
   * Goes on when the policy allows it: at once where it answers at once.
   *
   * @throws ProtocolError `FORBIDDEN`
   */
  when<T>(
    principal: Principal,
    action: RoomAction,
    room: string,
    proceed: () => MaybePromise<T>,
    connection?: RequestingConnection,
  ): MaybePromise<T> {
    const answer = this.allows(principal, action, room, connection);
    if (answer instanceof Promise) return answer.then((allowed) => (allowed ? proceed() : refuse(action, room)));
    return answer ? proceed() : refuse(action, room);
  }

  private refuseFor(error: unknown): false {
    this.logger.error('The room policy failed', error instanceof Error ? error.stack : String(error));
    return false;
  }
}

function refuse(action: RoomAction, room: string): never {
  throw new ProtocolError('FORBIDDEN').noted({ action, room, reason: `The room policy does not allow ${action}` });
}

import { Injectable, SetMetadata, createParamDecorator, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';

import { Authenticator, bearerOf, refusalOf } from '../auth/authenticator.js';
import type { Principal } from '../auth/principal.js';
import { ProtocolError } from '../protocol/errors.js';
import { callerOf, type RestCall } from './rest-call.js';

const ADMIN_ONLY = 'rookery:admin-only';

/** Lets only tokens with the scope `admin` in. */
export const AdminOnly = (): MethodDecorator & ClassDecorator => SetMetadata(ADMIN_ONLY, true);

/** Who is calling, in a handler behind {@link RestGuard}. */
export const Caller = createParamDecorator((_data: unknown, context: ExecutionContext): Principal =>
  callerOf(context.switchToHttp().getRequest<RestCall>()),
);

/** Authenticates REST calls by `Authorization: Bearer`; a token in the address would end up in logs. */
@Injectable()
export class RestGuard implements CanActivate {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<RestCall>();
    request.principal = await this.principalOf(request);
    const adminOnly = this.reflector.getAllAndOverride<boolean | undefined>(ADMIN_ONLY, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (adminOnly && !request.principal.admin) {
      throw new ProtocolError('FORBIDDEN').noted({ reason: 'The token does not have the scope "admin"' });
    }
    return true;
  }

  private async principalOf({ headers }: RestCall): Promise<Principal> {
    const token = bearerOf(headers);
    try {
      return await this.authenticator.authenticateCall(token);
    } catch (error) {
      throw refusalOf(error);
    }
  }
}

import {
  ArgumentsHost,
  Catch,
  Injectable,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
  type WsExceptionFilter,
} from '@nestjs/common';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { IsInt, Min } from 'class-validator';
import { map, type Observable } from 'rxjs';

import { EnvelopeExceptionFilter, PayloadValidationPipe, ProtocolError, type Connection } from '../../src/index.js';

export class WatchOrder {
  @IsInt()
  @Min(1)
  order!: number;
}

/** Lets nobody called mallory in. */
@Injectable()
export class NotMalloryGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    await new Promise(setImmediate);
    return context.switchToWs().getClient<Connection>().userId !== 'mallory';
  }
}

/** Marks what passes through it. */
@Injectable()
export class StampInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler<object>): Observable<object> {
    return next.handle().pipe(map((answer) => ({ ...answer, stamped: true })));
  }
}

/** A filter of the application's own. */
@Catch(RangeError)
export class RangeFilter implements WsExceptionFilter<RangeError> {
  catch(error: RangeError, host: ArgumentsHost): void {
    host.switchToWs().getClient<Connection>().emit('exception', { code: 'OUT_OF_RANGE', message: error.message });
  }
}

/** An application's gateway, on Rookery's endpoint, with all that Nest has for one. */
@WebSocketGateway()
@UseFilters(EnvelopeExceptionFilter)
@UseGuards(NotMalloryGuard)
@UsePipes(PayloadValidationPipe)
export class OrdersGateway {
  @SubscribeMessage('order:watch')
  watch(@ConnectedSocket() connection: Connection, @MessageBody() { order }: WatchOrder): object {
    connection.send('order:state', { order, state: 'packed' });
    return { event: 'order:watched', data: { order, by: connection.userId } };
  }

  @SubscribeMessage('order:total')
  async total(@MessageBody() { order }: WatchOrder): Promise<object> {
    await new Promise(setImmediate);
    return { total: order * 10 };
  }

  @SubscribeMessage('order:touch')
  touch(): void {
    // Nothing to say.
  }

  @SubscribeMessage('order:stamp')
  @UseInterceptors(StampInterceptor)
  stamp(@MessageBody() { order }: WatchOrder): object {
    return { order };
  }

  @SubscribeMessage('order:cancel')
  cancel(): void {
    throw new WsException({ code: 'ORDER_SHIPPED', message: 'Too late' });
  }

  @SubscribeMessage('order:forbid')
  forbid(): void {
    throw new ProtocolError('NOT_JOINED');
  }

  @SubscribeMessage('order:range')
  @UseFilters(RangeFilter)
  range(): void {
    throw new RangeError('more than there are');
  }
}

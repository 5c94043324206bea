import { UseFilters, UseInterceptors, type CallHandler, type NestInterceptor } from '@nestjs/common';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { EMPTY, Observable, Subject, concat, delay, of, throwError, timer, mergeMap } from 'rxjs';

import { ConnectionsService, EnvelopeExceptionFilter, ProtocolError, type Connection } from '../../src/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { join } from '../support/client.js';
import { eventually } from '../support/eventually.js';

class PassingInterceptor implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler): Observable<unknown> {
    return next.handle();
  }
}

const refusal = (): Observable<never> => throwError(() => new ProtocolError('NOT_JOINED'));

@WebSocketGateway()
@UseFilters(EnvelopeExceptionFilter)
class StreamsGateway {
  readonly ticks = new Subject<unknown>();
  readonly order: string[] = [];
  watchers = 0;

  @SubscribeMessage('stream:list')
  list(): Observable<unknown> {
    return of({ event: 'item', data: 1 }, { event: 'item', data: 2 }, { event: 'item', data: 3 });
  }

  @SubscribeMessage('stream:empty')
  empty(): Observable<never> {
    return EMPTY;
  }

  @SubscribeMessage('stream:watch')
  watch(): Observable<unknown> {
    return new Observable((subscriber) => {
      this.watchers += 1;
      const subscription = this.ticks.subscribe(subscriber);
      return () => {
        this.watchers -= 1;
        subscription.unsubscribe();
      };
    });
  }

  @SubscribeMessage('stream:refused')
  refused(): Observable<never> {
    return refusal();
  }

  @SubscribeMessage('stream:refused-later')
  refusedLater(): Observable<never> {
    return timer(1).pipe(mergeMap(refusal));
  }

  @SubscribeMessage('stream:broken')
  broken(): Observable<unknown> {
    return concat(of({ event: 'item', data: 1 }), timer(1).pipe(mergeMap(refusal)));
  }

  @SubscribeMessage('wait')
  async wait(@MessageBody() ms: number): Promise<object> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.order.push(`wait ${ms}`);
    return { ms };
  }

  @SubscribeMessage('wait:observed')
  observed(@MessageBody() ms: number): Observable<object> {
    return of({ ms }).pipe(delay(ms));
  }

  @SubscribeMessage('wait:intercepted')
  @UseInterceptors(PassingInterceptor)
  async intercepted(@ConnectedSocket() _connection: Connection, @MessageBody() ms: number): Promise<object> {
    return this.wait(ms);
  }

  @SubscribeMessage('refused:intercepted')
  @UseInterceptors(PassingInterceptor)
  async refusedIntercepted(): Promise<void> {
    await new Promise(setImmediate);
    throw new ProtocolError('NOT_JOINED');
  }
}

const start = (): Promise<TestApplication> => startApplication({ providers: [StreamsGateway] });

describe('a handler that returns an Observable', () => {
  it('replies with the first value; the others are messages of their own', async () => {
    const alice = await join(await start());
    expect(await alice.request('stream:list')).toMatchObject({ type: 'item', payload: 1 });
    expect(await alice.next('item')).toEqual({ type: 'item', payload: 2 });
    expect(await alice.next('item')).toEqual({ type: 'item', payload: 3 });
  });

  it('acknowledges when there is no value', async () => {
    const alice = await join(await start());
    expect(await alice.request('stream:empty')).toMatchObject({ type: 'ack' });
  });

  it.each(['stream:refused', 'stream:refused-later', 'refused:intercepted'])(
    'answers with the error where %s ends in one',
    async (type) => {
      const alice = await join(await start());
      expect(await alice.request(type)).toMatchObject({ type: 'error', payload: { code: 'NOT_JOINED' } });
      await alice.settle();
      expect(alice.queue).toEqual([]);
    },
  );

  it('tells of an error after the reply without a requestId', async () => {
    const alice = await join(await start());
    expect(await alice.request('stream:broken')).toMatchObject({ type: 'item' });
    const error = await alice.next('error');
    expect(error).toMatchObject({ payload: { code: 'NOT_JOINED' } });
    expect(error).not.toHaveProperty('requestId');
  });

  it('tells of a stream that fails by another’s doing', async () => {
    const server = await start();
    const gateway = server.app.get(StreamsGateway);
    const alice = await join(server);
    alice.send('stream:watch');
    await eventually(
      () => gateway.watchers,
      (count) => count === 1,
    );
    gateway.ticks.error(new ProtocolError('NOT_JOINED'));
    expect(await alice.next('error')).toMatchObject({ payload: { code: 'NOT_JOINED' } });
    await alice.settle();
  });

  it('streams until the connection closes', async () => {
    const server = await start();
    const gateway = server.app.get(StreamsGateway);
    const alice = await join(server);
    const reply = alice.request('stream:watch');
    await eventually(
      () => gateway.watchers,
      (count) => count === 1,
    );
    gateway.ticks.next({ event: 'tick', data: 1 });
    expect(await reply).toMatchObject({ type: 'tick', payload: 1 });
    gateway.ticks.next({ event: 'tick', data: 2 });
    expect(await alice.next('tick')).toMatchObject({ payload: 2 });

    await alice.close();
    await eventually(
      () => gateway.watchers,
      (count) => count === 0,
    );
    expect(server.app.get(ConnectionsService).count()).toBe(0);
  });
});

describe('the requests of one connection', () => {
  it.each(['wait', 'wait:observed', 'wait:intercepted'])('are replied to in their order: %s', async (type) => {
    const alice = await join(await start());
    const waits = [40, 20, 0];
    for (const ms of waits) alice.send(type, ms, `w${ms}`);
    alice.send('ping', undefined, 'p');
    const replies = [];
    for (let n = 0; n < 4; n += 1) replies.push((await alice.nextWhere(() => true)).requestId);
    expect(replies).toEqual(['w40', 'w20', 'w0', 'p']);
  });

  it.each(['wait', 'wait:intercepted'])('take effect in their order: %s', async (type) => {
    const server = await start();
    const alice = await join(server);
    for (const ms of [30, 0]) alice.send(type, ms);
    await alice.settle();
    expect(server.app.get(StreamsGateway).order).toEqual(['wait 30', 'wait 0']);
  });
});

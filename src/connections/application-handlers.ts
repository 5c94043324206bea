import { Injectable } from '@nestjs/common';
import type { WsMessageHandler } from '@nestjs/common';
import { isObservable, type Observable } from 'rxjs';

import type { Envelope } from '../protocol/envelope.js';
import type { Connection } from './connection.js';
import type { Reply } from './reply.js';
import { ReportedError } from './reported-error.js';
import { ApplicationRequest, runAsRequest } from './request.js';

type Handlers = Map<string, WsMessageHandler>;

/**
 * The handlers of the application's own gateways, bound to each connection by Nest with their guards, pipes,
 * interceptors and filters. A handler's answer becomes the reply: `{event, data}` as it is, any other value as an
 * `ack` with that payload. Of an observable the first value is the reply; those after it are messages of their own,
 * until it completes or the connection closes. Behind an interceptor every handler's answer is an observable, so that
 * the next request waits for the first value as it does for a promise.
 */
@Injectable()
export class ApplicationHandlers {
  private readonly bound = new WeakMap<Connection, Handlers>();
  private readonly streams = new WeakMap<Connection, Set<() => void>>();
  private readonly releases = new WeakMap<Connection, (() => void)[]>();

  /** Adds what Nest bound for one gateway. */
  bind(connection: Connection, handlers: readonly WsMessageHandler[]): void {
    if (handlers.length === 0) return;
    let known = this.bound.get(connection);
    if (known === undefined) this.bound.set(connection, (known = new Map<string, WsMessageHandler>()));
    for (const handler of handlers) known.set(handler.message, handler);
  }

  /** Calls back when the connection is over: Nest's way to `handleDisconnect`. */
  onRelease(connection: Connection, callback: () => void): void {
    const callbacks = this.releases.get(connection) ?? [];
    callbacks.push(callback);
    this.releases.set(connection, callbacks);
  }

  /** Ends what still streams to the connection, and tells the gateways. */
  release(connection: Connection): void {
    for (const stop of this.streams.get(connection) ?? []) stop();
    for (const callback of this.releases.get(connection) ?? []) callback();
  }

  /** @returns undefined where the application has no handler for the type */
  handle(connection: Connection, { type, payload }: Envelope): Promise<Reply | undefined> | undefined {
    const handler = this.bound.get(connection)?.get(type);
    return handler === undefined ? undefined : this.run(connection, handler, type, payload);
  }

  private run(connection: Connection, handler: WsMessageHandler, type: string, payload: unknown) {
    const request = new ApplicationRequest(connection);
    // An observable is subscribed to in here, too: what fails in it later reports to this request.
    return runAsRequest(request, async () => {
      const result: unknown = await (handler.callback(payload, type) as unknown);
      if (request.error !== undefined) throw new ReportedError(request.error);
      return isObservable(result) ? this.stream(connection, request, result) : replyOf(result);
    });
  }

  private stream(connection: Connection, request: ApplicationRequest, source: Observable<unknown>): Promise<Reply> {
    // Gone while the handler worked: nothing would ever stop what starts now.
    if (connection.closing) return Promise.resolve(ACK);
    return new Promise((resolve, reject) => {
      let replied = false;
      const stops = this.streams.get(connection) ?? new Set();
      this.streams.set(connection, stops);
      request.onError = (error) => {
        if (replied) connection.sendError(error);
        else reject(new ReportedError(error));
        replied = true;
      };
      const stop = (): void => {
        stops.delete(stop);
        subscription.unsubscribe();
      };
      stops.add(stop);
      const subscription = source.subscribe({
        next: (value) => {
          const { event, data } = replyOf(value) ?? ACK;
          if (replied) connection.send(event, data);
          else resolve({ event, data });
          replied = true;
        },
        error: reject,
        complete: () => {
          stops.delete(stop);
          resolve(ACK);
        },
      });
    });
  }
}

const ACK = { event: 'ack', data: undefined } as unknown as Reply;

function replyOf(result: unknown): Reply | undefined {
  if (result === undefined || result === null) return undefined;
  const { event, data } = result as Partial<Record<keyof Reply, unknown>>;
  return (typeof event === 'string' ? { event, data } : { event: 'ack', data: result }) as Reply;
}

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

import { Injectable, Logger } from '@nestjs/common';

import { Siblings } from '../cluster/siblings.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { refuse } from './refusal.js';
import { descriptorLimit, openDescriptors, tooFewDescriptors } from './descriptor-limit.js';

/** Left for the server's own: connections to Redis that are made again, files, the key set. */
const OWN = 32;
/** Left for answers to those who find no room, and to probes: many clients may come back at the same moment. */
const RESERVE = 256;
/** Neither takes more than this part of a low limit. */
const LARGEST_PART = 1 / 8;

const WARN_EVERY_MS = 60_000;

/**
 * Keeps sockets below the limit on file descriptors. Without it the system closes whatever comes once they have run
 * out, probes included, and an orchestrator restarts a node that is only full.
 *
 * The last descriptors are a reserve. A connection that gets one of them is answered and closed: a probe as always, an
 * upgrade with 503. Where even these are taken, a connection gives way that has its answer, or has been silent for
 * longest.
 */
@Injectable()
export class Descriptors {
  private readonly logger = new Logger(Descriptors.name);
  /** Sockets that clients may have; the rest of the limit is in use, or is left for the server. */
  private room = Infinity;
  private reserve = 0;
  private open = 0;
  private warnedAt = -Infinity;
  /** Connections from the reserve: those that asked nothing yet, and those that did. The oldest are first. */
  private readonly silent = new Set<Socket>();
  private readonly asking = new Set<Socket>();

  constructor(
    private readonly options: RookeryOptions,
    private readonly telemetry: Telemetry,
    private readonly siblings: Siblings,
  ) {}

  /** True while only the reserve is left. */
  get isShort(): boolean {
    return this.open > this.room;
  }

  /** Follows the connections of a server; returns what ends that. */
  attach(server: Server): () => void {
    // With TLS a socket that asks is another object than the one that was accepted.
    const isTls = server instanceof TlsServer;
    const onListening = (): void => this.measure(descriptorLimit(), openDescriptors());
    const onConnection = (socket: Socket): void => {
      this.opened(socket);
      if (!isTls) this.follow(socket);
    };
    const onSecureConnection = (socket: Socket): void => this.follow(socket);
    const onRequest = ({ socket }: IncomingMessage, response: ServerResponse): void => this.asked(socket, response);
    server.on('listening', onListening);
    server.on('connection', onConnection);
    server.on('secureConnection', onSecureConnection);
    // Before the application's own, which may answer at once.
    server.prependListener('request', onRequest);
    return () => {
      server.off('listening', onListening);
      server.off('connection', onConnection);
      server.off('secureConnection', onSecureConnection);
      server.off('request', onRequest);
    };
  }

  /** An upgrade: in a shortage it is refused, else the connection stays. */
  upgrading(socket: Socket): void {
    const wasSilent = this.silent.delete(socket);
    if (!this.isShort) this.asking.delete(socket);
    else if (wasSilent) this.asking.add(socket);
  }

  /** @internal Takes the limit, undefined where there is none, and what is in use while there are no connections. */
  measure(limit: number | undefined, inUse: number): void {
    if (limit === undefined) return;
    const part = Math.floor(limit * LARGEST_PART);
    this.reserve = Math.min(RESERVE, part);
    this.room = Math.max(1, limit - inUse - this.reserve - Math.min(OWN, part));
    const { maxConnections } = this.options;
    if (maxConnections <= this.room || (this.siblings.worker ?? 1) > 1) return;
    this.logger.warn(
      tooFewDescriptors(`${limit} leave room for ${this.room} connections, and MAX_CONNECTIONS is ${maxConnections}`),
    );
  }

  private opened(socket: Socket): void {
    this.open += 1;
    socket.once('close', () => (this.open -= 1));
    if (!this.isShort) return;
    this.telemetry.descriptorShortages += 1;
    this.warn();
    if (this.open > this.room + this.reserve) this.makeRoom();
  }

  private makeRoom(): void {
    // A refused client has its answer and may be slow to close.
    for (const socket of this.asking) {
      if (!socket.writableFinished) continue;
      socket.destroy();
      return;
    }
    const [silent] = this.silent;
    const [asking] = this.asking;
    // Its request may be here, unread.
    if (silent !== undefined) refuse(silent, 'FULL');
    (silent ?? asking)?.destroy();
  }

  private follow(socket: Socket): void {
    if (!this.isShort) return;
    this.silent.add(socket);
    socket.once('close', () => {
      this.silent.delete(socket);
      this.asking.delete(socket);
    });
  }

  /** A plain request: in a shortage the last one on its connection. */
  private asked(socket: Socket, response: ServerResponse): void {
    if (this.isShort) response.setHeader('Connection', 'close');
    if (this.silent.delete(socket)) this.asking.add(socket);
  }

  private warn(): void {
    const now = performance.now();
    if (now - this.warnedAt < WARN_EVERY_MS) return;
    this.warnedAt = now;
    this.logger.warn(
      tooFewDescriptors(`${this.open} connections leave only a reserve, and new clients are refused with 503`),
    );
  }
}

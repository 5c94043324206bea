import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { WebSocketServer, type WebSocket } from 'ws';

import { cleanUp } from '../../../test/support/teardown.js';
import type { Envelope } from '../../../src/protocol/envelope.js';
import type { ConnectedPayload, JoinedPayload } from '../../../src/protocol/messages.js';

interface Asked {
  readonly room: string;
  readonly recover?: unknown;
}

/** Answers one room of a `join`. */
type Answer = (room: string, recover: unknown) => Omit<JoinedPayload, 'room'>;

/** A server that says what a test wants it to say, true or not, over the latest connection. */
export class ScriptedServer {
  /** Connections so far. */
  connections = 0;
  private socket: WebSocket | undefined;

  private constructor(
    private readonly server: WebSocketServer,
    private readonly answer: Answer,
  ) {}

  /** Starts one on a free port, until the end of the test. */
  static async start(answer: Answer): Promise<ScriptedServer> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'rookery.v1.json' });
    const scripted = new ScriptedServer(server, answer);
    server.on('connection', (socket) => scripted.greet(socket));
    await once(server, 'listening');
    cleanUp(() => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    });
    return scripted;
  }

  get ws(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/ws`;
  }

  /** Sends a message that nobody asked for. */
  say(type: string, payload: object): void {
    this.socket?.send(JSON.stringify({ type, payload }));
  }

  /** Ends the connection, as a network does. */
  cut(): void {
    this.socket?.terminate();
  }

  private greet(socket: WebSocket): void {
    this.connections += 1;
    this.socket = socket;
    const connected: ConnectedPayload = {
      clientId: `c${this.connections}`,
      userId: 'alice',
      heartbeatMs: 30_000,
      maxMessageBytes: 0,
      rooms: ['@all', '@user:alice'].map((room) => ({ room, epoch: 'e1', offset: 0 })),
    };
    this.say('connected', connected);
    socket.on('message', (data: Buffer) => this.reply(JSON.parse(data.toString()) as Envelope));
  }

  private reply({ type, payload, requestId }: Envelope): void {
    const { room, rooms = [] } = (payload ?? {}) as { room?: string; rooms?: Asked[] };
    const replies: Readonly<Record<string, Pick<Envelope, 'type' | 'payload'>>> = {
      join: { type: 'rooms:joined', payload: { rooms: rooms.map((one) => this.join(one)) } },
      leave: { type: 'room:left', payload: { room } },
    };
    this.socket?.send(JSON.stringify({ ...replies[type], requestId }));
  }

  private join({ room, recover }: Asked): JoinedPayload {
    return { room, ...this.answer(room, recover) };
  }
}

import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';

import { Broker, type MaybePromise } from '../broker/broker.js';
import { RoomRules } from '../config/room-rules.js';
import { Lifecycle } from '../connections/lifecycle.js';
import type { Position } from '../protocol/position.js';
import { isReservedRoom } from '../protocol/room-name.js';
import { Delivery } from './delivery.js';
import { RoomIntake } from './room-intake.js';
import { Room } from './room.js';

/** Payload of `room.occupied` and `room.vacated`: the first member on this node, the last one gone. */
export interface RoomOccupancyEvent {
  readonly room: string;
}

/** The rooms that have members on this node: each is subscribed at the broker for just as long. */
@Injectable()
export class RoomDirectory implements OnModuleInit {
  private readonly logger = new Logger(RoomDirectory.name);
  private readonly rooms = new Map<string, Room>();

  constructor(
    private readonly rules: RoomRules,
    @Inject(Broker) private readonly broker: Broker,
    private readonly intake: RoomIntake,
    private readonly delivery: Delivery,
    private readonly lifecycle: Lifecycle,
  ) {}

  onModuleInit(): void {
    this.broker.listen({
      onPublication: (name, epoch, publication) => {
        const room = this.rooms.get(name);
        if (room !== undefined) this.intake.receive(room, epoch, publication);
      },
      onPosition: (name, head) => {
        const room = this.rooms.get(name);
        if (room !== undefined) this.intake.check(room, head);
      },
    });
  }

  get size(): number {
    return this.rooms.size;
  }

  find(name: string): Room | undefined {
    return this.rooms.get(name);
  }

  names(): IterableIterator<string> {
    return this.rooms.keys();
  }

  all(): IterableIterator<Room> {
    return this.rooms.values();
  }

  /**
   * Opens the room and does something in it. Meanwhile it stays open, even if the last member leaves.
   *
   * @throws BrokerUnavailableError
   */
  within<T>(name: string, action: (room: Room) => MaybePromise<T>): MaybePromise<T> {
    const room = this.open(name);
    room.entering += 1;
    if (room.opening !== undefined) return this.whenOpen(room, room.opening, action);
    try {
      const result = action(room);
      if (result instanceof Promise) return result.finally(() => this.settle(room));
      this.settle(room);
      return result;
    } catch (error) {
      this.settle(room);
      throw error;
    }
  }

  /** Closes the room when nobody is in it any more. */
  closeIfEmpty(room: Room): void {
    if (room.size > 0 || room.entering > 0 || this.rooms.get(room.name) !== room) return;
    this.rooms.delete(room.name);
    this.tell('room.vacated', room.name);
    const done = this.broker.unsubscribe(room.name);
    if (done instanceof Promise) {
      done.catch((error: unknown) => this.logger.warn(`Unsubscribing failed: ${String(error)}`));
    }
  }

  private async whenOpen<T>(room: Room, opening: Promise<void>, action: (room: Room) => MaybePromise<T>): Promise<T> {
    try {
      await opening;
      return await action(room);
    } finally {
      this.settle(room);
    }
  }

  private settle(room: Room): void {
    room.entering -= 1;
    this.closeIfEmpty(room);
  }

  private open(name: string): Room {
    const known = this.rooms.get(name);
    if (known !== undefined) return known;
    const room = new Room(name, this.rules.of(name), this.delivery);
    this.rooms.set(name, room);
    this.tell('room.occupied', name);
    const position = this.broker.subscribe(name);
    if (position instanceof Promise) room.opening = position.then((start) => this.opened(room, start));
    else room.skipTo(position);
    return room;
  }

  private opened(room: Room, position: Position): void {
    room.opening = undefined;
    room.skipTo(position);
    this.intake.takeAhead(room);
  }

  private tell(event: 'room.occupied' | 'room.vacated', room: string): void {
    // The server's own rooms come and go with their connections, which has an event already.
    if (!isReservedRoom(room) && this.lifecycle.isHeard(event)) void this.lifecycle.emit(event, { room });
  }
}

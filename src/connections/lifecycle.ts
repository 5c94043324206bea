import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { EventEmitter2 } from '@nestjs/event-emitter';

type Listener = ReturnType<EventEmitter2['listeners']>[number];

const SUBSCRIBERS_LOADER = 'EventSubscribersLoader';

/** What `@nestjs/event-emitter` has in each of its modules: it subscribes all `@OnEvent` handlers of the application. */
interface SubscribersLoader {
  readonly eventEmitter: EventEmitter2;
  loadEventListeners: () => void;
}

/**
 * Tells the application what happens, by events for `@OnEvent`. Handlers may be sync or async; one that throws is
 * logged and harms nothing else.
 *
 * An application that imports an `EventEmitterModule` of its own has two emitters: which one a class of it gets depends
 * on the order of imports. Listeners of both hear every event, and each `@OnEvent` handler hears it once.
 */
@Injectable()
export class Lifecycle implements OnModuleInit {
  private readonly logger = new Logger(Lifecycle.name);
  private emitters: readonly EventEmitter2[];

  constructor(
    private readonly own: EventEmitter2,
    private readonly modules: ModulesContainer,
  ) {
    this.emitters = [own];
  }

  /** Runs when all emitters are there, and before handlers are subscribed to them. */
  onModuleInit(): void {
    const loaders = [...this.modules.values()].flatMap(({ providers }) =>
      [...providers.values()]
        .filter(({ name }) => name === SUBSCRIBERS_LOADER)
        .map(({ instance }): unknown => instance),
    );
    const known = loaders.filter(isSubscribersLoader);
    const other = known.find(({ eventEmitter }) => eventEmitter !== this.own);
    const ownLoader = known.find(({ eventEmitter }) => eventEmitter === this.own);
    if (other === undefined || ownLoader === undefined) return;
    // The other one subscribes each handler; twice, they would hear everything twice.
    ownLoader.loadEventListeners = () => undefined;
    this.emitters = [this.own, other.eventEmitter];
  }

  /** True when somebody listens: events that nobody wants are not made. */
  isHeard(event: string): boolean {
    return this.emitters.some((emitter) => emitter.listenerCount(event) > 0);
  }

  /**
   * Tells all listeners at once; resolves when they are done. Never rejects.
   *
   * @returns what those threw that failed
   */
  async emit(event: string, payload: object): Promise<unknown[]> {
    const failures: unknown[] = [];
    const tell = async (listener: Listener): Promise<void> => {
      try {
        await (listener(payload) as unknown);
      } catch (error) {
        failures.push(error);
        this.report(event, error);
      }
    };
    await Promise.all(this.emitters.flatMap((emitter) => emitter.listeners(event).map(tell)));
    return failures;
  }

  private report(event: string, error: unknown): void {
    this.logger.error(`A handler of "${event}" failed`, error instanceof Error ? error.stack : String(error));
  }
}

function isSubscribersLoader(instance: unknown): instance is SubscribersLoader {
  const { eventEmitter, loadEventListeners } = (instance ?? {}) as Partial<SubscribersLoader>;
  return eventEmitter instanceof EventEmitter2 && typeof loadEventListeners === 'function';
}

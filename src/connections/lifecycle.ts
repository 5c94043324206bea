import { Injectable, Logger } from '@nestjs/common';
import { EventEmitter2 } from '@nestjs/event-emitter';

/**
 * Tells the application what happens, by events for `@OnEvent`. Handlers may be sync or async; one that throws is
 * logged and harms nothing else.
 */
@Injectable()
export class Lifecycle {
  private readonly logger = new Logger(Lifecycle.name);

  constructor(private readonly emitter: EventEmitter2) {}

  /** True when somebody listens: events that nobody wants are not made. */
  isHeard(event: string): boolean {
    return this.emitter.listenerCount(event) > 0;
  }

  /**
   * Tells all listeners at once; resolves when they are done. Never rejects.
   *
   * @returns what those threw that failed
   */
  async emit(event: string, payload: object): Promise<unknown[]> {
    const failures: unknown[] = [];
    const tell = async (listener: ReturnType<EventEmitter2['listeners']>[number]): Promise<void> => {
      try {
        await (listener(payload) as unknown);
      } catch (error) {
        failures.push(error);
        this.report(event, error);
      }
    };
    await Promise.all(this.emitter.listeners(event).map(tell));
    return failures;
  }

  private report(event: string, error: unknown): void {
    this.logger.error(`A handler of "${event}" failed`, error instanceof Error ? error.stack : String(error));
  }
}

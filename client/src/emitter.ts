/** What `on` takes. */
export type Listener<Event> = (event: Event) => unknown;

/** Events by name, each with the type of what comes with it. */
export class Emitter<Events> {
  private readonly listeners = new Map<keyof Events, Set<Listener<never>>>();

  /**
   * Calls the listener at each event from now on.
   *
   * @returns a function that stops it
   */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    this.listeners.set(name, (this.listeners.get(name) ?? new Set()).add(listener));
    this.usageChanged();
    return () => this.off(name, listener);
  }

  /** The same for the next event only. */
  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const stop = this.on(name, (event) => {
      stop();
      return listener(event);
    });
    return stop;
  }

  /** Stops a listener that was given to `on`. */
  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void {
    const listeners = this.listeners.get(name);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.listeners.delete(name);
    this.usageChanged();
  }

  /** Called when listeners were added or removed. @internal */
  protected usageChanged(): void {}

  /** @internal */
  protected hasListeners(): boolean {
    return this.listeners.size > 0;
  }

  /**
   * A listener that throws keeps none of the others from being called. What it threw shows as an uncaught error, as
   * from a listener of the platform's own events.
   *
   * @returns false when nobody listens
   * @internal
   */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): boolean {
    const listeners = [...(this.listeners.get(name) ?? [])] as Listener<Events[Name]>[];
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        setTimeout(() => {
          throw error;
        });
      }
    }
    return listeners.length > 0;
  }
}

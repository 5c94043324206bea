/** Looks so often whether the machine has slept. */
const TICK_MS = 5000;
/** So much later than due means that it has. */
const LATE_MS = 5000;

/** The part of the platform's global object that tells of such things, where there is one. */
interface Surroundings {
  addEventListener?(name: string, listener: () => void): void;
  removeEventListener?(name: string, listener: () => void): void;
  readonly document?: {
    readonly visibilityState: string;
    addEventListener(name: string, listener: () => void): void;
    removeEventListener(name: string, listener: () => void): void;
  };
}

export interface Wakeful {
  /** The network is back, the page is seen again, or the machine has slept. */
  onWake(): void;
  onOffline(): void;
  /** The page may be on its way out, and not come back. */
  onHide(): void;
}

/**
 * Tells of what happens around the client.
 *
 * The wall clock is what shows a sleep: some clocks for timers stand still meanwhile, and some machines tell of nothing.
 *
 * @returns a function that ends it
 */
export function watchSurroundings(wakeful: Wakeful): () => void {
  const onWake = (): void => wakeful.onWake();
  const onOffline = (): void => wakeful.onOffline();
  const onHide = (): void => wakeful.onHide();
  const around = globalThis as Surroundings;
  const { document } = around;
  const onVisibility = (): void => (document?.visibilityState === 'visible' ? onWake() : onHide());
  const listeners = [
    ['online', onWake],
    ['pageshow', onWake],
    ['offline', onOffline],
    ['pagehide', onHide],
  ] as const;
  for (const [name, listener] of listeners) around.addEventListener?.(name, listener);
  document?.addEventListener('visibilitychange', onVisibility);

  let dueAt = Date.now() + TICK_MS;
  const ticks = setInterval(() => {
    const lateMs = Date.now() - dueAt;
    dueAt = Date.now() + TICK_MS;
    if (lateMs > LATE_MS) onWake();
  }, TICK_MS);
  // Node's is an object, and would keep the process alive.
  (ticks as unknown as { unref?(): void }).unref?.();

  return () => {
    for (const [name, listener] of listeners) around.removeEventListener?.(name, listener);
    document?.removeEventListener('visibilitychange', onVisibility);
    clearInterval(ticks);
  };
}

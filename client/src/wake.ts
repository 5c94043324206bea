/** Looks so often whether the machine has slept. */
const TICK_MS = 5000;
/** So much later than due means that it has. */
const LATE_MS = 5000;

/** What there is to listen to: in browsers all of it, in Node nothing. */
type Surroundings = Partial<Pick<Window, 'addEventListener' | 'document'>>;

/**
 * Tells of what happens around the client: the network is back, the page is seen again, the machine has slept; the
 * network is gone.
 *
 * The wall clock is what shows a sleep: some clocks for timers stand still meanwhile, and some machines tell of nothing.
 *
 * @param onHide called when the page may be on its way out, and not come back
 * @returns a function that ends it
 */
export function watchSurroundings(
  dispatch: (event: { readonly type: 'wake' | 'offline' }) => void,
  onHide: () => void,
): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  const around = globalThis as Surroundings;
  const { document } = around;
  const onWake = (): void => dispatch({ type: 'wake' });
  // Listeners of the window hear of what happens to the document on its way there.
  const on = (name: string, listener: () => void): void =>
    around.addEventListener?.(name, listener, { signal, capture: true });
  for (const name of ['online', 'pageshow', 'resume']) on(name, onWake);
  on('pagehide', onHide);
  on('offline', () => dispatch({ type: 'offline' }));
  on('visibilitychange', () => (document?.visibilityState === 'visible' ? onWake() : onHide()));

  let dueAt = Date.now() + TICK_MS;
  const ticks = setInterval(() => {
    const isLate = Date.now() - dueAt > LATE_MS;
    dueAt = Date.now() + TICK_MS;
    if (isLate) onWake();
  }, TICK_MS);
  // Node's is an object, and would keep the process alive.
  NODE: (ticks as unknown as { unref?(): void }).unref?.();
  return () => {
    clearInterval(ticks);
    controller.abort();
  };
}

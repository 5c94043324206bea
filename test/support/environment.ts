import { AsyncLocalStorage } from 'node:async_hooks';

import { TestEnvironment as NodeEnvironment } from 'jest-environment-node';

const { run } = AsyncLocalStorage.prototype;

/**
 * Node's environment, which also ends the asynchronous contexts that a test file began. Jest makes one for each file,
 * and modules make theirs; up to Node 22 every promise of the process pays for each that was ever used.
 */
export default class Environment extends NodeEnvironment {
  readonly #contexts = new Set<AsyncLocalStorage<unknown>>();

  override async setup(): Promise<void> {
    await super.setup();
    const contexts = this.#contexts;
    AsyncLocalStorage.prototype.run = function (this: AsyncLocalStorage<unknown>, ...args: Parameters<typeof run>) {
      contexts.add(this);
      return run.apply(this, args);
    } as typeof run;
  }

  override async teardown(): Promise<void> {
    AsyncLocalStorage.prototype.run = run;
    for (const context of this.#contexts) context.disable();
    this.#contexts.clear();
    await super.teardown();
  }
}

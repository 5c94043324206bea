/**
 * Does what an application gave: at once where that has its result at once, and later where it promises one. A promise
 * may be that of any library or realm.
 *
 * @param failed what to take in place of a result, where it throws or the promise is rejected
 */
export function attempt<T>(act: () => T | PromiseLike<T>, failed: (error: unknown) => T): T | Promise<T> {
  try {
    const result = act();
    return isPromise(result) ? Promise.resolve(result).catch(failed) : result;
  } catch (error) {
    return failed(error);
  }
}

function isPromise<T>(result: T | PromiseLike<T>): result is PromiseLike<T> {
  return typeof (result as PromiseLike<T> | null | undefined)?.then === 'function';
}

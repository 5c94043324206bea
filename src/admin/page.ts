import type { PageQuery } from './admin.dto.js';

/** One page of a walk, without making a list of all of it. */
export function page<T>(all: Iterable<T>, { offset, limit }: PageQuery): T[] {
  const items: T[] = [];
  let index = 0;
  for (const item of all) {
    if (index >= offset + limit) break;
    if (index >= offset) items.push(item);
    index += 1;
  }
  return items;
}

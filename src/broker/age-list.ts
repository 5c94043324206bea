import type { Entry } from './room-log.js';

/** All entries of all rooms from the oldest to the newest, with their bytes; any of them is taken out in one step. */
export class AgeList {
  oldest: Entry | undefined;
  private newest: Entry | undefined;
  bytes = 0;

  add(entry: Entry): void {
    entry.older = this.newest;
    if (this.newest === undefined) this.oldest = entry;
    else this.newest.newer = entry;
    this.newest = entry;
    this.bytes += entry.bytes;
  }

  remove(entry: Entry): void {
    if (entry.older === undefined) this.oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) this.newest = entry.older;
    else entry.newer.older = entry.older;
    entry.older = undefined;
    entry.newer = undefined;
    this.bytes -= entry.bytes;
  }
}

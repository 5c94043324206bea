/** More of them cost more memory (four bytes each), and make it rarer that a room shares one with a dropped room. */
const GROUPS = 4096;

/**
 * Names of epochs, with nothing to remember for each room: rooms are divided into groups by their names, and a group
 * goes on to its next generation when the numbering of one of its rooms is dropped. A room that begins again does so in
 * a later generation than any that it had, so that an epoch never comes back with other messages in it. A room that
 * never had a message may begin in a later one, too; a client that returns to it is then told that messages are lost.
 */
export class Epochs {
  private readonly generations = new Uint32Array(GROUPS);
  /** The name asked for last: nearly all rooms share it, and then keep one text. */
  private last: { readonly generation: number; readonly name: string } | undefined;

  /** @param instance name that no other run of a broker has */
  constructor(private readonly instance: string) {}

  /** Returns the generation in which a room begins now. */
  generationOf(room: string): number {
    return this.generations[groupOf(room)] ?? 0;
  }

  nameOf(generation: number): string {
    if (this.last?.generation !== generation) {
      this.last = { generation, name: `${this.instance}.${generation.toString(36)}` };
    }
    return this.last.name;
  }

  /** Ends the generation of a room whose numbering is dropped. */
  drop(room: string): void {
    const group = groupOf(room);
    this.generations[group] = this.generationOf(room) + 1;
  }
}

/** FNV-1a. Finding rooms of one group gains nothing: a returning client hears of a loss that did not happen. */
function groupOf(room: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < room.length; index += 1) hash = Math.imul(hash ^ room.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % GROUPS;
}

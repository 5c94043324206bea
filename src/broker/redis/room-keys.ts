/**
 * The names that a room has in Redis. All of them hold the room in braces, so that a cluster has them in one slot and
 * one script can use them together.
 */
export class RoomKeys {
  /** @param prefix keeps deployments on one Redis apart; without braces */
  constructor(private readonly prefix: string) {}

  /** Its meta hash, its stream and its channel, as the scripts that look at a room get them. */
  ofRoom(room: string): string[] {
    const base = this.base(room);
    return [`${base}:m`, `${base}:s`, this.channel(room)];
  }

  channel(room: string): string {
    return `${this.base(room)}:c`;
  }

  /** What a user published under an id; the length keeps user and id apart, whatever they consist of. */
  id(room: string, from: string, id: string): string {
    return `${this.base(room)}:i:${from.length}:${from}${id}`;
  }

  receipt(room: string, userId: string): string {
    return `${this.base(room)}:a:${userId}`;
  }

  private base(room: string): string {
    return `${this.prefix}{${withoutBrace(room)}}`;
  }
}

/** A closing brace would end the part that names the slot. */
function withoutBrace(room: string): string {
  return /[%}]/.test(room) ? room.replaceAll('%', '%25').replaceAll('}', '%7D') : room;
}

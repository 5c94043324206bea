import type { StandardSchemaV1 } from './standard-schema.js';

/** The rooms of a client that was given no types: every name, any data. */
export interface AnyRooms {
  '*': unknown;
}

/** `chat:*` as the type of the names that it takes. */
type NamesOf<Pattern extends string> = Pattern extends `${infer Start}*${infer Rest}`
  ? `${Start}${string}${NamesOf<Rest>}`
  : Pattern;

type Patterns<Rooms> = keyof Rooms & string;

/** The names of rooms that a map from pattern to message type takes; `*` in a pattern stands for any text. */
export type RoomName<Rooms> = { [P in Patterns<Rooms>]: NamesOf<P> }[Patterns<Rooms>];

type Matching<Rooms, Name extends string> = {
  [P in Patterns<Rooms>]: Name extends NamesOf<P> ? P : never;
}[Patterns<Rooms>];

/** Of the patterns that take a name, those that take no other one's names as well. */
type MostSpecific<Candidates extends string, All extends string = Candidates> = Candidates extends string
  ? [Wider<Candidates, All>] extends [never]
    ? Candidates
    : never
  : never;

/** The other patterns that take only names that this one takes, too. */
type Wider<Pattern extends string, All extends string> = All extends string
  ? All extends Pattern
    ? never
    : NamesOf<All> extends NamesOf<Pattern>
      ? All
      : never
  : never;

/**
 * The map's entry for a room: that of the most specific pattern that takes its name. A name that is known only at run
 * time may be any of them.
 */
type EntryOf<Rooms, Name extends string> = string extends Name
  ? Rooms[Patterns<Rooms>]
  : Rooms[MostSpecific<Matching<Rooms, Name>> & keyof Rooms];

type InputOf<Entry> = Entry extends StandardSchemaV1<infer Input, infer _Output> ? Input : Entry;
type OutputOf<Entry> = Entry extends StandardSchemaV1<infer _Input, infer Output> ? Output : Entry;

/** What may be published in a room. */
export type PublishedIn<Rooms, Name extends string> = InputOf<EntryOf<Rooms, Name>>;

/** What the messages of a room hold. */
export type ReceivedIn<Rooms, Name extends string> = OutputOf<EntryOf<Rooms, Name>>;

/** Finds the entry for the name of a room, by the rule of {@link ReceivedIn}. */
export function entryOf<Entry>(rooms: Readonly<Record<string, Entry>>, name: string): Entry | undefined {
  let found: string | undefined;
  for (const pattern of Object.keys(rooms)) {
    if (takes(pattern, name) && (found === undefined || specificity(pattern) > specificity(found))) found = pattern;
  }
  return found === undefined ? undefined : rooms[found];
}

/** A literal character says more than the lack of a star; the two are counted in one number. */
function specificity(pattern: string): number {
  const parts = pattern.split('*');
  return parts.join('').length * 1000 - parts.length;
}

function takes(pattern: string, name: string): boolean {
  const literals = pattern.split('*').map((literal) => literal.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${literals.join('.*')}$`, 's').test(name);
}

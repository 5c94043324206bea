import { inspect } from 'node:util';

/** Longest text in a log line: what a client sends must not become a log's size. */
const MAX_TEXT_LENGTH = 2000;
/** Longest value of a field: a room's name and a user's id fit. */
const MAX_VALUE_LENGTH = 256;

// oxlint-disable-next-line no-control-regex -- finding control characters is what it is for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** Escapes what could end a line or drive a terminal, and cuts what is long. */
export function oneLine(text: string, maxLength = MAX_TEXT_LENGTH): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return cut.replaceAll(UNPRINTABLE, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Returns an address without its query, which is where browsers put tokens. */
export function withoutQuery(url: string | undefined): string {
  return oneLine((url ?? '').split('?', 1)[0] ?? '');
}

/** Named values of a log line; undefined ones are left out. */
export type LogFields = Readonly<Record<string, string | number | undefined>>;

/**
 * A log line with fields. The server's own logger writes each as a field of its JSON; any other logger gets an object
 * that prints as one line.
 */
export class LogLine {
  readonly fields: Readonly<Record<string, string | number>>;
  readonly message: string;

  /** @param message and all values are escaped and cut here: they may come from clients */
  constructor(message: string, fields: LogFields) {
    this.message = oneLine(message);
    const kept = Object.entries(fields).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
    this.fields = Object.fromEntries(
      kept.map(([name, value]) => [name, typeof value === 'string' ? oneLine(value, MAX_VALUE_LENGTH) : value]),
    );
  }

  toString(): string {
    const fields = Object.entries(this.fields).map(([name, value]) => `${name}=${valueText(value)}`);
    return `${this.message} (${fields.join(' ')})`;
  }

  toJSON(): object {
    return { ...this.fields, message: this.message };
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

function valueText(value: string | number): string {
  return typeof value === 'number' || /^[\w.:@/-]+$/.test(value) ? String(value) : JSON.stringify(value);
}

import type { ErrorPayload } from '../../src/protocol/errors.js';
import { RookeryError } from './errors.js';
import type { End } from './machine.js';

/** The part of an answer of Node's that a refusal is read from. */
export interface Answer {
  readonly statusCode?: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  setEncoding(encoding: 'utf8'): unknown;
  on(event: 'data', listener: (piece: string) => void): unknown;
  on(event: 'end' | 'close' | 'error', listener: () => void): unknown;
}

/** A refusal of the server's is one short line of JSON; what others answer may be a page. */
const MAX_CHARACTERS = 4096;
/** The status is known already: nobody waits long for the rest. */
const MAX_BODY_MS = 2000;

/** Reads an answer that is no upgrade: status, `Retry-After`, and the code and message that the body may have. */
export function readRefusal(answer: Answer, done: (end: End) => void): void {
  const { statusCode: status = 0, headers } = answer;
  const seconds = Number(headers['retry-after']);
  const retryAfterMs = seconds >= 0 ? seconds * 1000 : undefined;
  let body = '';
  // May be called again by what follows: nobody hears of it then.
  const finish = (): void => {
    clearTimeout(patience);
    const cause = errorIn(body, status);
    done({ status, reason: cause?.message ?? 'refused', retryAfterMs, cause });
  };
  const patience = setTimeout(finish, MAX_BODY_MS);
  answer.setEncoding('utf8');
  answer.on('data', (piece) => {
    body += piece;
    if (body.length > MAX_CHARACTERS) finish();
  });
  for (const event of ['end', 'close', 'error'] as const) answer.on(event, finish);
}

function errorIn(body: string, status: number): RookeryError | undefined {
  try {
    const { code, message } = Object(JSON.parse(body)) as Partial<ErrorPayload>;
    return typeof code === 'string' && typeof message === 'string'
      ? new RookeryError(code, message, { status })
      : undefined;
  } catch {
    // Somebody else's answer, or none.
    return undefined;
  }
}

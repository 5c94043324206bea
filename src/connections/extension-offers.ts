import type { IncomingMessage } from 'node:http';

/**
 * permessage-deflate as the server agrees to it: without context takeover in either direction, so that one compressed
 * message serves all members, and no connection keeps a window.
 */
export const PER_MESSAGE_DEFLATE = { serverNoContextTakeover: true, clientNoContextTakeover: true };

const EXTENSIONS = 'sec-websocket-extensions';
const EXTENSION = 'permessage-deflate';

/** Longest header that is read. Clients that exist send less than 200 characters. */
const MAX_CHARACTERS = 4096;

/** The parts of the header (RFC 6455, section 9.1). None of them can match the same text in two ways. */
const TOKEN = "[!#$%&'*+.^_`|~\\dA-Za-z-]+";
const SPACE = '[ \\t]*';
const NAME = new RegExp(`[ \\t,]*(${TOKEN})`, 'y');
const PARAMETER = new RegExp(
  `${SPACE};${SPACE}(${TOKEN})(?:${SPACE}=${SPACE}(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)"))?`,
  'y',
);
const END = new RegExp(`${SPACE}(?:,[ \\t,]*)?`, 'y');
const ESCAPED = /\\(.)/g;

/** Decimal, without leading zeros (RFC 7692, section 7.1.2). */
const WINDOW_BITS = /^(?:[89]|1[0-5])$/;

type Value = string | undefined;

/** The parameters that an offer may have, each with the values that the server can keep to. */
const PARAMETERS: Readonly<Partial<Record<string, (value: Value) => boolean>>> = {
  server_no_context_takeover: (value) => value === undefined,
  client_no_context_takeover: (value) => value === undefined,
  // Members with a smaller window would each need a compressed message of their own.
  server_max_window_bits: (value) => value === '15',
  client_max_window_bits: (value) => value === undefined || WINDOW_BITS.test(value),
};

interface Offer {
  readonly extension: string;
  readonly parameters: readonly (readonly [name: string, value: Value])[];
}

/**
 * Leaves of a request's offers the one that `ws` is to accept: the first offer of permessage-deflate that the server
 * can keep to (RFC 7692, section 5.1). Without one the header goes, and the connection does without compression; `ws`
 * would refuse the upgrade for one offer that it cannot read.
 */
export function negotiateCompression({ headers }: IncomingMessage): void {
  const offer = offersIn(headers[EXTENSIONS])?.find(isAcceptable);
  if (offer === undefined) delete headers[EXTENSIONS];
  else headers[EXTENSIONS] = textOf(offer);
}

/** Returns the offers of a header in their order; undefined where its text breaks the grammar or is too long. */
function offersIn(header: string | undefined): readonly Offer[] | undefined {
  if (header === undefined || header.length > MAX_CHARACTERS) return undefined;
  const offers: Offer[] = [];
  let index = 0;
  const next = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = index;
    const match = pattern.exec(header);
    if (match !== null) index = pattern.lastIndex;
    return match;
  };
  while (index < header.length) {
    const [, extension] = next(NAME) ?? [];
    if (extension === undefined) return undefined;
    const parameters: [string, Value][] = [];
    for (let match = next(PARAMETER); match !== null; match = next(PARAMETER)) {
      const [, name = '', token, quoted] = match;
      parameters.push([name, token ?? quoted?.replace(ESCAPED, '$1')]);
    }
    const end = next(END)?.[0] ?? '';
    if (!end.includes(',') && index < header.length) return undefined;
    offers.push({ extension, parameters });
  }
  return offers;
}

function isAcceptable({ extension, parameters }: Offer): boolean {
  const names = new Set(parameters.map(([name]) => name));
  return (
    extension === EXTENSION &&
    names.size === parameters.length &&
    parameters.every(([name, value]) => Object.hasOwn(PARAMETERS, name) && PARAMETERS[name]?.(value))
  );
}

function textOf({ extension, parameters }: Offer): string {
  return [extension, ...parameters.map(([name, value]) => (value === undefined ? name : `${name}=${value}`))].join(
    '; ',
  );
}

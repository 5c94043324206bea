import { CLOSE_CODES } from '../protocol/close-codes.js';
import { CLOSE_LABELS, type CloseLabel } from '../telemetry/telemetry.js';

const KNOWN: ReadonlySet<CloseLabel> = new Set(CLOSE_LABELS);

/** Returns the label of a close: the code, where it is one of ours or of RFC 6455, else its range. */
export function closeLabel(code: number): CloseLabel {
  if (KNOWN.has(code)) return code;
  if (code >= 3000 && code < 4000) return '3xxx';
  return code >= 4000 && code < 5000 ? '4xxx' : 1006;
}

/** Codes of the errors of `ws` that it does not answer as breaches of RFC 6455. */
const CLOSES: Readonly<Partial<Record<string, number>>> = {
  WS_ERR_INVALID_UTF8: CLOSE_CODES.INVALID_DATA,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: CLOSE_CODES.POLICY_VIOLATION,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: CLOSE_CODES.MESSAGE_TOO_LARGE,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: CLOSE_CODES.MESSAGE_TOO_LARGE,
};

/** Returns the code with which `ws` closes for an error. Those of other kinds come from decompression. */
export function closeCodeOf({ code = '' }: NodeJS.ErrnoException): number {
  const known = CLOSES[code];
  if (known !== undefined) return known;
  return code.startsWith('WS_ERR_') ? CLOSE_CODES.PROTOCOL_VIOLATION : CLOSE_CODES.INVALID_DATA;
}

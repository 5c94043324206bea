import { CLOSE_CODES } from '../protocol/close-codes.js';
import type { CloseLabel } from '../telemetry/telemetry.js';

const OWN: ReadonlySet<number> = new Set(Object.values(CLOSE_CODES));

/** The label of a close: the code, where it is one of ours or of RFC 6455, else its range. */
export function closeLabel(code: number): CloseLabel {
  if (OWN.has(code) || (code >= 1000 && code < 1016)) return code;
  if (code >= 3000 && code < 4000) return '3xxx';
  return code >= 4000 && code < 5000 ? '4xxx' : 1006;
}

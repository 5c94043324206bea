import { CLOSE_LABELS, type CloseLabel } from '../telemetry/telemetry.js';

const KNOWN: ReadonlySet<CloseLabel> = new Set(CLOSE_LABELS);

/** Returns the label of a close: the code, where it is one of ours or of RFC 6455, else its range. */
export function closeLabel(code: number): CloseLabel {
  if (KNOWN.has(code)) return code;
  if (code >= 3000 && code < 4000) return '3xxx';
  return code >= 4000 && code < 5000 ? '4xxx' : 1006;
}

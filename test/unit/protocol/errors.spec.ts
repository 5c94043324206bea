import { CLOSE_CODES } from '../../../src/protocol/close-codes.js';
import { ERRORS, ProtocolError } from '../../../src/protocol/errors.js';
import { REFUSALS } from '../../../src/protocol/refusals.js';

describe('ProtocolError', () => {
  it('goes onto the wire with its code, the catalogue’s text and its details', () => {
    expect(new ProtocolError('FORBIDDEN').toPayload()).toStrictEqual({ code: 'FORBIDDEN', message: ERRORS.FORBIDDEN });
    expect(new ProtocolError('ROOM_LIMIT', { max: 3 }, 'Full').toPayload()).toStrictEqual({
      code: 'ROOM_LIMIT',
      message: 'Full',
      details: { max: 3 },
    });
  });
});

describe('the catalogues', () => {
  it('keep the text that clients of older servers look for', () => {
    expect(ERRORS.INVALID_MESSAGE).toBe('Invalid message format');
  });

  it('hold close codes that may go into a close frame, each once', () => {
    const codes = Object.values(CLOSE_CODES);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) {
      // RFC 6455, section 7.4: these three never appear on the wire.
      expect([1004, 1005, 1006]).not.toContain(code);
      expect((code >= 1000 && code <= 1014) || (code >= 4400 && code <= 4599)).toBe(true);
    }
  });

  it('hold refusals that are HTTP errors', () => {
    for (const { status } of Object.values(REFUSALS)) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
    }
  });
});

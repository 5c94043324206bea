import { ERRORS } from '../../../src/protocol/errors.js';
import { CODE_OF_STATUS, STATUS_OF_CODE, codeOfStatus, payloadOfAnswer } from '../../../src/protocol/http-status.js';

describe('codeOfStatus', () => {
  it.each([
    [400, 'INVALID_PAYLOAD'],
    [401, 'UNAUTHORIZED'],
    [402, 'REJECTED'],
    [422, 'REJECTED'],
    [499, 'REJECTED'],
    [503, 'UNAVAILABLE'],
    [505, 'INTERNAL'],
    [302, 'INTERNAL'],
  ])('gives %d the code %s', (status, code) => {
    expect(codeOfStatus(status)).toBe(code);
  });

  it('gives no status a code that answers with a status of another class', () => {
    for (const [status, code] of Object.entries(CODE_OF_STATUS)) {
      expect([status, Math.floor(STATUS_OF_CODE[code] / 100)]).toEqual([status, Math.floor(Number(status) / 100)]);
    }
    expect(Object.keys(STATUS_OF_CODE)).toEqual(Object.keys(ERRORS));
  });
});

describe('payloadOfAnswer', () => {
  it.each([
    ['a text', 'Too late', undefined, { code: 'REJECTED', message: 'Too late' }],
    ['a text with a status', 'Too late', 409, { code: 'CONFLICT', message: 'Too late' }],
    ['nothing', undefined, undefined, { code: 'REJECTED', message: ERRORS.REJECTED }],
    ['nothing with a status', null, 404, { code: 'NOT_FOUND', message: ERRORS.NOT_FOUND }],
    ['a number', 7, 503, { code: 'UNAVAILABLE', message: 'Not possible at the moment' }],
    ['an object without a text', { code: 'LATE' }, 409, { code: 'LATE', message: ERRORS.CONFLICT }],
    ['a cause', { message: 'x', cause: { data: 1 }, stack: 'at' }, undefined, { code: 'REJECTED', message: 'x' }],
    ['details that are no object', { message: 'x', details: 'y' }, 409, { code: 'CONFLICT', message: 'x' }],
    ['the text of a guard', 'Forbidden resource', undefined, { code: 'FORBIDDEN', message: ERRORS.FORBIDDEN }],
    ['that text with a code', { code: 'LATE', message: 'Forbidden resource' }, 403, { code: 'LATE' }],
    ['that text with another status', 'Forbidden resource', 404, { code: 'NOT_FOUND', message: 'Forbidden resource' }],
    ['an empty list', { message: [] }, 400, { code: 'INVALID_PAYLOAD', message: ERRORS.INVALID_PAYLOAD }],
    ['a list without a status', ['a', 'b'], undefined, { code: 'INVALID_PAYLOAD', details: { rule: 'a; b' } }],
    ['a list of another status', ['a', 'b'], 403, { code: 'FORBIDDEN', message: 'a; b' }],
    ['lists by field', { message: { a: [], b: ['c'] } }, 400, { details: { field: 'b', rule: 'c' } }],
  ])('takes %s', (_what, answer, status, payload) => {
    expect(payloadOfAnswer(answer, status)).toMatchObject(payload);
    expect(Object.keys(payloadOfAnswer(answer, status))).not.toEqual(expect.arrayContaining(['cause']));
  });
});

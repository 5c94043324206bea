import type { IncomingMessage } from 'node:http';

import { array, assert, constantFrom, property, tuple } from 'fast-check';

import { negotiateCompression } from '../../../src/connections/extension-offers.js';

const HEADER = 'sec-websocket-extensions';

/** What is left of the header for `ws`. */
function negotiated(header: string | undefined): string | undefined {
  const request = { headers: header === undefined ? {} : { [HEADER]: header } };
  negotiateCompression(request as unknown as IncomingMessage);
  return request.headers[HEADER];
}

const PLAIN = 'permessage-deflate';

describe('the negotiation of permessage-deflate', () => {
  it.each([
    ['without parameters', PLAIN, PLAIN],
    [
      'of Chrome and Firefox',
      'permessage-deflate; client_max_window_bits',
      'permessage-deflate; client_max_window_bits',
    ],
    ['of Safari', 'x-webkit-deflate-frame, permessage-deflate', PLAIN],
    [
      'without takeover',
      'permessage-deflate;server_no_context_takeover;client_no_context_takeover',
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    ],
    [
      'with the window that the server has',
      'permessage-deflate; server_max_window_bits=15',
      'permessage-deflate; server_max_window_bits=15',
    ],
    [
      'with a quoted value',
      'permessage-deflate; client_max_window_bits="10"',
      'permessage-deflate; client_max_window_bits=10',
    ],
    [
      'with an escaped value',
      'permessage-deflate; client_max_window_bits="\\1\\0"',
      'permessage-deflate; client_max_window_bits=10',
    ],
    [
      'with spaces around everything',
      ' \t permessage-deflate \t;\t client_max_window_bits = 9  ',
      'permessage-deflate; client_max_window_bits=9',
    ],
  ])('accepts an offer %s', (_what, header, expected) => {
    expect(negotiated(header)).toBe(expected);
  });

  it.each([8, 9, 10, 11, 12, 13, 14, 15])('accepts a client that keeps to a window of %i bits', (bits) => {
    const offer = `permessage-deflate; client_max_window_bits=${bits}`;
    expect(negotiated(offer)).toBe(offer);
  });

  it.each([
    ['asks for a smaller window', 'server_max_window_bits=14'],
    ['asks for the smallest window', 'server_max_window_bits=8'],
    ['names a window without its bits', 'server_max_window_bits'],
    ['names a window above 15 bits', 'server_max_window_bits=16'],
    ['names a window below 8 bits', 'client_max_window_bits=7'],
    ['has a zero in front', 'client_max_window_bits=010'],
    ['counts in hexadecimals', 'client_max_window_bits=0xa'],
    ['counts in powers of ten', 'client_max_window_bits=1e1'],
    ['has an empty value', 'client_max_window_bits=""'],
    ['has a value where none belongs', 'server_no_context_takeover=true'],
    ['has an empty value where none belongs', 'client_no_context_takeover=""'],
    ['has a parameter twice', 'client_max_window_bits=10; client_max_window_bits=10'],
    ['has one twice that has no value', 'server_no_context_takeover; server_no_context_takeover'],
    ['has an unknown parameter', 'mystery=1'],
    ['has a parameter that objects inherit', 'constructor; __proto__=1; toString'],
    ['has a parameter in capitals', 'Client_Max_Window_Bits'],
  ])('takes the next offer where one %s, and none where there is no other', (_what, parameters) => {
    const bad = `permessage-deflate; ${parameters}`;
    expect(negotiated(bad)).toBeUndefined();
    expect(negotiated(`${bad}, permessage-deflate; client_max_window_bits`)).toBe(
      'permessage-deflate; client_max_window_bits',
    );
    expect(negotiated(`permessage-deflate, ${bad}`)).toBe(PLAIN);
  });

  it.each([
    ['no header', undefined],
    ['an empty header', ''],
    ['an unknown extension', 'permessage-bzip2; level=9'],
    ['an extension whose name begins like it', 'permessage-deflate2'],
    ['an extension that has its name in quotes', 'foo; x="a, permessage-deflate"'],
    ['the name as a parameter', 'foo; permessage-deflate'],
    ['a missing name', '; client_max_window_bits'],
    ['a missing parameter', 'permessage-deflate;'],
    ['two missing parameters', 'permessage-deflate;;client_max_window_bits'],
    ['a missing value', 'permessage-deflate; client_max_window_bits='],
    ['a quote that does not end', 'permessage-deflate; client_max_window_bits="10'],
    ['a quote that ends in a backslash', 'permessage-deflate; client_max_window_bits="10\\'],
    ['text after a quote', 'permessage-deflate; client_max_window_bits="1"0'],
    ['two names without a comma', 'permessage-deflate permessage-deflate'],
    ['bytes that are no token', 'permessage-deflate, \u00e9'],
  ])('goes without for %s', (_what, header) => {
    expect(negotiated(header)).toBeUndefined();
  });

  it('passes over other extensions, empty places of the list, and commas in quotes', () => {
    const header =
      ', ,foo; a; b="x, y; \\"z\\", permessage-deflate; server_max_window_bits=8",,permessage-deflate , bar';
    expect(negotiated(header)).toBe(PLAIN);
  });

  it('takes the first of several that it can accept', () => {
    const header =
      'permessage-deflate; server_max_window_bits=9,permessage-deflate; client_max_window_bits=12, permessage-deflate';
    expect(negotiated(header)).toBe('permessage-deflate; client_max_window_bits=12');
  });

  it('does not read a header that is absurdly long', () => {
    expect(negotiated(`${'foo, '.repeat(1000)}permessage-deflate`)).toBeUndefined();
  });

  it.each([' ', '\t', ',', '"', '\\', ';', '=', ' ;', ' =', ', ', 'a', 'a;', 'a="', 'a="\\'])(
    'reads as many of %j as fit in time that grows with their number only',
    (text) => {
      const startedAt = process.cpuUsage();
      for (const start of ['', 'a', 'a;b', 'a;b="']) {
        for (let n = 0; n < 20; n += 1) negotiated((start + text.repeat(4096)).slice(0, 4096));
      }
      expect(process.cpuUsage(startedAt).user).toBeLessThan(2_000_000);
    },
  );

  it('leaves one offer that ws accepts, or nothing, whatever the header', () => {
    const value = constantFrom('', '=8', '=15', '="15"', '= 16', '=', '="', '="1\\5"');
    const name = constantFrom('client_max_window_bits', 'server_max_window_bits', 'server_no_context_takeover', 'x');
    const parameter = tuple(constantFrom(';', ' ; ', '; '), name, value).map((parts) => parts.join(''));
    const offer = tuple(
      constantFrom(PLAIN, 'foo', '"'),
      array(parameter, { maxLength: 2 }).map((all) => all.join('')),
    );
    const header = array(
      offer.map((parts) => parts.join('')),
      { maxLength: 4 },
    ).map((offers) => offers.join(', '));
    const accepted =
      /^permessage-deflate(; (server_no_context_takeover|server_max_window_bits=15|client_max_window_bits(=8|=15)?))*$/;
    assert(
      property(header, (text) => {
        const left = negotiated(text);
        expect(left ?? PLAIN).toMatch(accepted);
        // An offer that was accepted is accepted again without a change.
        expect(negotiated(left)).toBe(left);
      }),
      { numRuns: 2000 },
    );
  });
});

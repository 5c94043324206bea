import { inspect } from 'node:util';

import { UpgradeRequest } from '../../../src/auth/upgrade-request.js';

const request = (url: string, ...rawHeaders: string[]): UpgradeRequest => new UpgradeRequest({ url, rawHeaders });

describe('UpgradeRequest', () => {
  it('UpgradeRequest gives headers by lower-case name, joined where there are several', () => {
    const { headers } = request('/ws', 'Host', 'a:80', 'X-Team', 'red', 'Accept', 'a', 'x-team', 'blue', 'ACCEPT', 'b');
    expect(headers).toEqual({ host: 'a:80', 'x-team': 'red, blue', accept: 'a, b' });
  });

  it('UpgradeRequest gives cookies of one header or several, decoded', () => {
    const { cookies } = request('/ws', 'Cookie', 'a=1; b=%C3%A4; c=d', 'cookie', 'e=f=g; a=2; broken');
    expect({ ...cookies }).toEqual({ a: '1', b: 'ä', c: 'd', e: 'f=g' });
    expect({ ...request('/ws').cookies }).toEqual({});
  });

  it('UpgradeRequest gives path and query without the token', () => {
    const { url, query } = request('/ws?token=secret&lang=de&x=1&token=secret');
    expect(url).toBe('/ws?lang=de&x=1');
    expect([...query]).toEqual([
      ['lang', 'de'],
      ['x', '1'],
    ]);
    expect(request('/ws?token=secret').url).toBe('/ws');
    expect(request('/ws?lang=de').url).toBe('/ws?lang=de');
    expect(request('/ws').query.size).toBe(0);
    expect(request('/ws?%74oken=secret&a=b').url).toBe('/ws?a=b');
  });

  it('UpgradeRequest keeps no credentials, and shows no headers when it is logged', () => {
    const headers = {
      Authorization: 'Bearer secret',
      'Sec-WebSocket-Protocol': 'rookery.v1.json, bearer.secret',
      'Sec-WebSocket-Key': 'x',
      Cookie: 'session=private',
    };
    const made = request('/ws?token=secret', ...Object.entries(headers).flat());
    expect(made.headers).toEqual({ 'sec-websocket-protocol': 'rookery.v1.json', cookie: 'session=private' });
    for (const text of [JSON.stringify(made), inspect(made, { depth: 9, showHidden: true })]) {
      expect(text).not.toMatch(/secret|private/);
    }
  });

  it('UpgradeRequest takes header names such as __proto__ for names', () => {
    const { headers } = request('/ws', '__proto__', 'x', 'constructor', 'y');
    expect(Object.entries(headers)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });
});

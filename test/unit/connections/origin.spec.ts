import { originCheck } from '../../../src/connections/origin.js';

describe('originCheck', () => {
  it('lets every origin in where none is named, and native clients too', () => {
    const allows = originCheck([], false);
    expect([undefined, 'https://a.example', 'null', ''].map(allows)).toStrictEqual([true, true, true, true]);
  });

  describe('with a list', () => {
    const allows = originCheck(['https://app.example', 'http://localhost:5173'], false);

    it.each(['https://app.example', 'http://localhost:5173', undefined])('lets %j in', (origin) => {
      expect(allows(origin)).toBe(true);
    });

    it.each([
      'https://evil.example',
      'http://app.example',
      'https://app.example:8443',
      'https://app.example:443',
      'https://app.example.evil.example',
      'https://evil-app.example',
      'https://sub.app.example',
      'https://app.example/',
      'https://APP.example',
      'https://app.example, https://evil.example',
      'null',
      '',
      '*',
    ])('keeps %j out', (origin) => {
      expect(allows(origin)).toBe(false);
    });
  });

  it('keeps clients without an origin out where one is required', () => {
    expect(originCheck([], true)(undefined)).toBe(false);
    expect(originCheck([], true)('https://a.example')).toBe(true);
  });
});

import { GrantError, GrantTemplate, Grants, ROOM_ACTIONS, defaultGrantsOf } from '../../../src/auth/grants.js';
import { SettingsError, resolveOptions } from '../../../src/config/resolve-options.js';

describe('GrantTemplate', () => {
  it('lets a plain pattern do everything', () => {
    const grants = new GrantTemplate(['chat:*']).for('alice');
    for (const action of ROOM_ACTIONS) {
      expect(grants.allows(action, 'chat:1')).toBe(true);
      expect(grants.allows(action, 'news')).toBe(false);
    }
  });

  it('lets an entry with "can" do just that', () => {
    const grants = new GrantTemplate([{ pattern: 'news', can: ['join', 'history'] }]).for('alice');
    expect(ROOM_ACTIONS.filter((action) => grants.allows(action, 'news'))).toStrictEqual(['join', 'history']);
  });

  it('adds entries up', () => {
    const entries = [
      { pattern: 'news', can: ['join'] },
      { pattern: 'n*', can: ['publish'] },
    ];
    const grants = new GrantTemplate(entries).for('alice');
    expect(ROOM_ACTIONS.filter((action) => grants.allows(action, 'news'))).toStrictEqual(['join', 'publish']);
  });

  it('grants nothing by an empty list, in "can" too', () => {
    expect(new GrantTemplate([]).for('alice').allows('join', 'news')).toBe(false);
    expect(new GrantTemplate([{ pattern: '*', can: [] }]).for('alice').allows('join', 'news')).toBe(false);
    expect(Grants.NONE.allows('join', 'news')).toBe(false);
  });

  it('fills in each user apart', () => {
    const template = new GrantTemplate(['inbox:{sub}']);
    expect(template.for('alice').allows('join', 'inbox:alice')).toBe(true);
    expect(template.for('bob').allows('join', 'inbox:alice')).toBe(false);
  });

  it('compiles patterns once for all where none names the user', () => {
    const template = new GrantTemplate(['chat:*']);
    expect(template.for('alice')).toBe(template.for('bob'));
  });

  it('gives broadcasting to all by name only', () => {
    expect(new GrantTemplate(['*']).for('alice').allows('publish', '@all')).toBe(false);
    expect(new GrantTemplate(['@all']).for('alice').allows('publish', '@all')).toBe(true);
  });

  it.each<[string, unknown]>([
    ['a text', 'chat:*'],
    ['an object', { pattern: '*' }],
    ['null', null],
    ['a number for an entry', [7]],
    ['null for an entry', [null]],
    ['an entry without a pattern', [{ can: ['join'] }]],
    ['an empty pattern', ['']],
    ['a pattern that is too long', ['x'.repeat(501)]],
    ['an unknown action', [{ pattern: '*', can: ['join', 'fly'] }]],
    ['actions that are no list', [{ pattern: '*', can: 'join' }]],
    ['null for actions', [{ pattern: '*', can: null }]],
    ['too many entries', Array.from({ length: 1001 }, () => '*')],
  ])('refuses %s', (_what, entries) => {
    expect(() => new GrantTemplate(entries)).toThrow(GrantError);
  });
});

describe('the default grants', () => {
  it('are those of the settings', () => {
    const grants = defaultGrantsOf(resolveOptions({ defaultGrants: ['lobby'] })).for('alice');
    expect(grants.allows('join', 'lobby')).toBe(true);
    expect(grants.allows('join', 'news')).toBe(false);
  });

  it('in development are everything but broadcasting to all and reading what is another user’s', () => {
    const grants = defaultGrantsOf(resolveOptions({})).for('alice');
    for (const action of ROOM_ACTIONS) {
      expect(grants.allows(action, 'general')).toBe(true);
      expect(grants.allows(action, '@all')).toBe(false);
      expect(grants.allows(action, '@user:bob')).toBe(action === 'publish');
    }
  });

  it('that cannot be read name their setting', () => {
    const options = resolveOptions({ defaultGrants: [{ pattern: '*', can: ['fly'] }] });
    expect(() => defaultGrantsOf(options)).toThrow(SettingsError);
    expect(() => defaultGrantsOf(options)).toThrow('DEFAULT_GRANTS');
  });
});

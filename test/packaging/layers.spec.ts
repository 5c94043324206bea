import { checkLayers } from '../../scripts/check-layers.mjs';

const check = (files: Record<string, string>): string[] => checkLayers(new Map(Object.entries(files)));

describe('the check that imports run downwards', () => {
  it('accepts imports of lower floors, of the own folder and of packages', () => {
    expect(
      check({
        'src/main.ts': `import './app.module.js';`,
        'src/app.module.ts': `import { A } from './admin/a.js'; import { NestFactory } from '@nestjs/core';`,
        'src/admin/a.ts': `import { R } from '../rooms/r.js'; import './deep/b.js';`,
        'src/admin/deep/b.ts': `import { E } from '../../protocol/e.js';`,
        'src/rooms/r.ts': `import { E } from '../protocol/e.js'; import { readFile } from 'node:fs/promises';`,
        'src/protocol/e.ts': `export * from './codes.js';`,
        'src/protocol/codes.ts': `export const OK = 1000;`,
      }),
    ).toStrictEqual([]);
  });

  it.each([
    ['a static import', `import { y } from '../messaging/y.js';`],
    ['an import for its effect', `import '../messaging/y.js';`],
    ['a type-only import', `import type { Y } from '../messaging/y.js';`],
    ['a type-only specifier', `import { type Y } from '../messaging/y.js';`],
    ['an import type', `export type Y = import('../messaging/y.js').Y;`],
    ['a re-export', `export * from '../messaging/y.js';`],
    ['a dynamic import', `export const y = await import('../messaging/y.js');`],
  ])('finds an upward import written as %s', (_name, text) => {
    expect(check({ 'src/rooms/x.ts': text, 'src/messaging/y.ts': '' })).toStrictEqual([
      'src/rooms/x.ts imports src/messaging/y.ts: floor 3 may not import floor 4',
    ]);
  });

  it('is not misled by imports in comments and strings', () => {
    expect(
      check({ 'src/rooms/x.ts': `// import '../messaging/y.js';\nexport const s = "import '../messaging/y.js'";` }),
    ).toStrictEqual([]);
  });

  it('lets nothing import the files at the top', () => {
    expect(check({ 'src/admin/x.ts': `import '../app.module.js';`, 'src/app.module.ts': '' })).toStrictEqual([
      'src/admin/x.ts imports src/app.module.ts: floor 5 may not import floor 6',
    ]);
  });

  it('keeps folders of one floor apart', () => {
    expect(check({ 'src/auth/x.ts': `import '../broker/y.js';`, 'src/broker/y.ts': '' })).toStrictEqual([
      'src/auth/x.ts imports src/broker/y.ts: folders on floor 1 may not import each other',
    ]);
  });

  it('lets the settings and the counters use the protocol, and not the other way round', () => {
    const protocol = { 'src/protocol/e.ts': '' };
    expect(check({ ...protocol, 'src/config/c.ts': `import '../protocol/e.js';` })).toStrictEqual([]);
    expect(check({ ...protocol, 'src/telemetry/t.ts': `import '../protocol/e.js';` })).toStrictEqual([]);
    expect(check({ 'src/protocol/e.ts': `import '../config/c.js';`, 'src/config/c.ts': '' })).toStrictEqual([
      'src/protocol/e.ts imports src/config/c.ts: protocol/ may not import anything from outside itself',
    ]);
  });

  it.each(['node:crypto', 'ws', '@nestjs/common'])('lets the protocol import no %s', (name) => {
    expect(check({ 'src/protocol/e.ts': `import type { X } from '${name}';` })).toStrictEqual([
      `src/protocol/e.ts imports ${name}: protocol/ may not import anything from outside itself`,
    ]);
  });

  it('closes the ways around the floors', () => {
    const text = `import 'rookery'; import 'rookery/protocol'; import '../../test/t.js';`;
    expect(check({ 'src/auth/x.ts': text })).toStrictEqual([
      'src/auth/x.ts imports rookery: the package may not import itself by name',
      'src/auth/x.ts imports rookery/protocol: the package may not import itself by name',
      'src/auth/x.ts imports test/t.js: nothing outside src/ may be imported',
    ]);
  });

  it('refuses a folder without a floor', () => {
    expect(
      check({ 'src/utils/a.ts': '', 'src/utils/b.ts': '', 'src/main.ts': `import './utils/a.js';` }),
    ).toStrictEqual(['src/utils/ has no floor: give it one in FLOORS']);
  });

  it('finds cycles between files, once each', () => {
    expect(
      check({
        'src/rooms/a.ts': `import './b.js';`,
        'src/rooms/b.ts': `import type { C } from './c.js';`,
        'src/rooms/c.ts': `import './b.js'; import './d.js';`,
        'src/rooms/d.ts': '',
      }),
    ).toStrictEqual(['import cycle: src/rooms/b.ts → src/rooms/c.ts → src/rooms/b.ts']);
  });
});

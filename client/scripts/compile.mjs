import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';
import { minify } from 'terser';

import { TSC } from '../../scripts/typescript.mjs';
import { internalNames } from './internal-names.mjs';

const CLIENT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(CLIENT, 'dist');

/** What every build has in common. The types of the wire are the server's: they are bundled, so that nothing is needed beside it. */
const COMMON = {
  entryPoints: [join(CLIENT, 'src', 'index.ts')],
  bundle: true,
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  sourcemap: true,
  legalComments: 'none',
  logLevel: 'warning',
};

const SMALL = {
  minify: true,
  // Statements with this label are for Node alone.
  dropLabels: ['NODE'],
  // Fields are assigned, and not declared and then assigned.
  tsconfigRaw: { compilerOptions: { target: 'ES2022', useDefineForClassFields: false } },
};

/** What makes less of it, once it is gzipped, than the minifier's own defaults. */
const TERSE = {
  passes: 2,
  unsafe_arrows: true,
  keep_fargs: false,
  hoist_funs: false,
  reduce_funcs: false,
  lhs_constants: false,
  conditionals: false,
  if_return: false,
};

/** No getter of the package has effects, and none of its methods is made to construct anything. */
const SAFE_HERE = { pure_getters: true, unsafe_methods: true };

/** For a `<script type="module">` without a bundler. A second minifier finds what is left for it by the first. */
async function buildSmall() {
  const name = 'rookery-client.min.js';
  const path = join(DIST, name);
  const mangleProps = new RegExp(`^(?:${internalNames(CLIENT).join('|')})$`);
  const { outputFiles } = await build({ ...COMMON, ...SMALL, mangleProps, outfile: path, write: false });
  const [map = '', code = ''] = outputFiles.map(({ text }) => text);
  const small = await minify(code, {
    module: true,
    ecma: 2022,
    compress: { ...TERSE, ...SAFE_HERE },
    sourceMap: { content: map, filename: name, url: `${name}.map` },
  });
  mkdirSync(DIST, { recursive: true });
  writeFileSync(path, small.code);
  writeFileSync(`${path}.map`, small.map);
}

/**
 * Declarations of what is bundled, one file for each source: the folders are laid out as those of the project, so that
 * the imports among them stay as they are.
 */
function declare() {
  execFileSync(TSC, ['-p', join(CLIENT, 'tsconfig.build.json')], { cwd: CLIENT, stdio: ['ignore', 2, 2] });
  // Names `Symbol.asyncDispose` for those whose own settings do not.
  const entry = `/// <reference lib="esnext.disposable" />\nexport * from './types/client/src/index.js';\n`;
  writeFileSync(join(DIST, 'index.d.ts'), entry);
}

/** Makes all of `dist/`. Rejects with an error that has `status` or `errors`, where the compilers have said what is wrong. */
export async function compile() {
  await Promise.all([build({ ...COMMON, outfile: join(DIST, 'index.js') }), buildSmall()]);
  declare();
}

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));

/** Decorators need a compiler. Returns the path of what it made, which lies where the imports can be resolved. */
export function compileNest() {
  const source = readFileSync(join(here, 'nest.ts'), 'utf8').replace('./envelope.mjs', '../servers/envelope.mjs');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
    },
  });
  const folder = join(here, '..', 'dist');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'nest.mjs');
  writeFileSync(file, outputText);
  return file;
}

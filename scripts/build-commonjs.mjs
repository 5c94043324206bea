// Builds the library as CommonJS, into dist/cjs/, for jest in CommonJS applications and for TypeScript's
// `module: node16`: neither accepts an ES module there. Node always loads the ES module, by import and by require, through
// the condition `module-sync` in package.json, so that a process never has two copies of a class.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const MANIFEST = join(PROJECT, 'package.json');
const OUTPUT = join(PROJECT, 'dist', 'cjs');
const ENTRIES = ['index.ts', 'protocol/index.ts'].map((name) => join(PROJECT, 'src', name));

const { options, errors } = ts.getParsedCommandLineOfConfigFile(
  join(PROJECT, 'tsconfig.build.json'),
  { outDir: OUTPUT, incremental: false },
  { ...ts.sys, onUnRecoverableConfigFileDiagnostic: report },
);
delete options.tsBuildInfoFile;

const host = ts.createCompilerHost(options);
// With `module: nodenext` the type in package.json decides the output. `module: commonjs` would also turn `import()` into
// `require`, by which jest cannot load jose even with its flag for ES modules.
const readFile = (path) => {
  const text = ts.sys.readFile(path);
  return path === MANIFEST ? JSON.stringify({ ...JSON.parse(text), type: 'commonjs' }) : text;
};
const program = ts.createProgram(ENTRIES, options, { ...host, readFile });
const { diagnostics } = program.emit();
const faults = [...errors, ...ts.getPreEmitDiagnostics(program), ...diagnostics];
for (const fault of faults) report(fault);

mkdirSync(OUTPUT, { recursive: true });
writeFileSync(join(OUTPUT, 'package.json'), '{ "type": "commonjs" }\n');

function report(fault) {
  process.exitCode = 1;
  process.stderr.write(
    ts.formatDiagnostic(fault, {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => PROJECT,
      getNewLine: () => '\n',
    }),
  );
}

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The folders of src/, lowest floor first. Files directly in src/ stand one floor above the last of these. */
const FLOORS = [
  ['protocol', 'config', 'telemetry'],
  ['auth', 'broker', 'cluster'],
  ['connections', 'rest'],
  ['rooms'],
  ['messaging'],
  ['health', 'metrics', 'admin'],
];

/** What a folder may import of its own floor. */
const NEIGHBOURS = { config: ['protocol'], telemetry: ['protocol'], cluster: ['broker'], auth: ['cluster'] };

/** Gets compiled into clients, so it can rely on nothing but itself. */
const SEALED = 'protocol';
const SEALED_REASON = `${SEALED}/ may not import anything from outside itself`;

/** Importing itself by name, a file would reach any floor through the package's entry. */
const PACKAGE = 'rookery';

const TOP = '';
const ROOT = 'src';

/**
 * Checks that imports run downwards and in no circle. Type-only imports count like any other: a type that is needed
 * upstairs and downstairs belongs downstairs.
 *
 * @param {ReadonlyMap<string, string>} sources the text of each file by its path, such as `src/rooms/rooms.service.ts`
 * @returns {string[]} one line for each violation; empty when all is well
 */
export function checkLayers(sources) {
  const imports = new Map([...sources].map(([file, text]) => [file, importsOf(file, text, sources)]));
  const violations = [];
  for (const [file, targets] of imports) {
    for (const { name, isFile } of targets) {
      const reason = isFile ? objectionToFile(file, name) : objectionToPackage(file, name);
      if (reason !== undefined) violations.push(`${file} imports ${name}: ${reason}`);
    }
  }
  return [...unknownFolders(sources), ...violations, ...cycles(imports)];
}

/** What a file imports: each file by its path, each package as it is written. */
function importsOf(file, text, sources) {
  const { importedFiles, referencedFiles } = ts.preProcessFile(text, true, true);
  const written = new Set([...importedFiles, ...referencedFiles].map(({ fileName }) => fileName));
  return [...written].map((specifier) => {
    if (!specifier.startsWith('.')) return { name: specifier, isFile: false };
    const path = posix.join(posix.dirname(file), specifier);
    const compiledFrom = path.replace(/\.js(x?)$/, '.ts$1');
    return { name: sources.has(compiledFrom) ? compiledFrom : path, isFile: true };
  });
}

function objectionToPackage(file, name) {
  if (folderOf(file) === SEALED) return SEALED_REASON;
  const isSelf = name === PACKAGE || name.startsWith(`${PACKAGE}/`);
  return isSelf ? 'the package may not import itself by name' : undefined;
}

function objectionToFile(file, target) {
  const [folder, other] = [folderOf(file), folderOf(target)];
  if (!target.startsWith(`${ROOT}/`)) return `nothing outside ${ROOT}/ may be imported`;
  if (folder === other) return undefined;
  return folder === SEALED ? SEALED_REASON : floorObjection(folder, other);
}

function floorObjection(folder, other) {
  const [own, theirs] = [floorOf(folder), floorOf(other)];
  // The folder itself is reported already.
  if (own === undefined || theirs === undefined) return undefined;
  if (theirs < own || NEIGHBOURS[folder]?.includes(other)) return undefined;
  return theirs === own
    ? `folders on floor ${own} may not import each other`
    : `floor ${own} may not import floor ${theirs}`;
}

function unknownFolders(sources) {
  const folders = new Set([...sources.keys()].map(folderOf));
  const unknown = [...folders].filter((folder) => floorOf(folder) === undefined);
  return unknown.map((folder) => `${ROOT}/${folder}/ has no floor: give it one in FLOORS`);
}

function folderOf(file) {
  const [, folder, ...rest] = file.split('/');
  return rest.length > 0 ? folder : TOP;
}

function floorOf(folder) {
  if (folder === TOP) return FLOORS.length;
  const floor = FLOORS.findIndex((folders) => folders.includes(folder));
  return floor < 0 ? undefined : floor;
}

/** Depth first; each import that leads back into the path being walked closes one cycle. */
function cycles(imports) {
  const found = [];
  const done = new Set();
  const walk = (file, path) => {
    const start = path.indexOf(file);
    if (start >= 0) found.push(`import cycle: ${[...path.slice(start), file].join(' → ')}`);
    if (start >= 0 || done.has(file)) return;
    for (const { name } of imports.get(file) ?? []) walk(name, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) walk(file, []);
  return found;
}

function readSources(project) {
  const files = readdirSync(join(project, ROOT), { recursive: true, encoding: 'utf8' });
  const typescript = files.filter((file) => /\.tsx?$/.test(file)).toSorted();
  return new Map(
    typescript.map((file) => {
      const path = join(project, ROOT, file);
      return [relative(project, path).split(sep).join('/'), readFileSync(path, 'utf8')];
    }),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const sources = readSources(fileURLToPath(new URL('..', import.meta.url)));
  // A check that looked at nothing must not pass.
  const violations = sources.size === 0 ? [`no source files in ${ROOT}/`] : checkLayers(sources);
  for (const violation of violations) console.error(violation);
  if (violations.length > 0) process.exitCode = 1;
}

import { readFileSync } from 'node:fs';

interface LockEntry {
  readonly dev?: boolean;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
type Packages = Readonly<Record<string, LockEntry>>;

const LOCKS = ['', 'bench/', 'test/packages/fixtures/nest11/', 'test/packages/fixtures/nest12/'];

const textIn = (folder: string): string =>
  readFileSync(new URL(`../../${folder}package-lock.json`, import.meta.url), 'utf8');

function packagesIn(folder: string): Packages {
  const { packages }: { readonly packages: Packages } = JSON.parse(textIn(folder));
  return packages;
}

/** Where Node would look for a dependency of the package at `path`: in its own node_modules, then in each one above. */
function places(path: string, name: string): string[] {
  const here = path === '' ? `node_modules/${name}` : `${path}/node_modules/${name}`;
  if (path === '') return [here];
  const parent = path.slice(0, Math.max(0, path.lastIndexOf('/node_modules/')));
  return [here, ...places(parent, name)];
}

function missing(lock: Packages, kind: 'dependencies' | 'optionalDependencies'): string[] {
  return Object.entries(lock).flatMap(([path, entry]) =>
    Object.keys(entry[kind] ?? {})
      .filter((name) => !places(path, name).some((place) => place in lock))
      .map((name) => `${path} needs ${name}`),
  );
}

describe.each(LOCKS)('%spackage-lock.json', (folder) => {
  const packages = packagesIn(folder);

  it('names no registry host', () => {
    const resolved = Object.values(packages).flatMap((entry) => entry.resolved ?? []);
    expect(resolved.filter((address) => /^[a-z+]+:/.test(address))).toStrictEqual([]);
    expect(textIn(folder)).not.toMatch(/"(?:resolved|version)": "(?:git\+)?https?:/);
  });

  it('holds an entry for every dependency', () => {
    expect(missing(packages, 'dependencies')).toStrictEqual([]);
  });

  // npm leaves out of the lock what its registry lacked on the day; `npm ci` then fails on that platform only.
  it('holds an entry for every optional dependency, and so for every platform', () => {
    expect(missing(packages, 'optionalDependencies')).toStrictEqual([]);
  });
});

describe('package-lock.json', () => {
  const packages = packagesIn('');

  // The stand-alone server needs it in the container, where `npm prune --omit=dev` has run. npm keeps it there although
  // it is a dev dependency, because it is an optional peer of @nestjs/core, too.
  it('keeps @nestjs/platform-express when dev dependencies are pruned', () => {
    expect(packages['node_modules/@nestjs/platform-express']?.dev).toBeUndefined();
  });

  it.each(['@swc/core', 'oxlint', 'oxlint-tsgolint', 'unrs-resolver'])('holds %s for other platforms', (name) => {
    const variants = Object.keys(packages[`node_modules/${name}`]?.optionalDependencies ?? {});
    for (const platform of ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64']) {
      expect(variants).toContainEqual(expect.stringContaining(platform));
    }
  });
});

describe('package.json', () => {
  const packages = packagesIn('');

  // npm warns of every package with an install script that this list does not name. All of them do without: what their
  // scripts fetch or build comes in packages for each platform.
  it('decides on the install script of every package that has one, and on no other', () => {
    const { allowScripts }: { readonly allowScripts: object } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    const withScript = Object.keys(packages).filter((path) => packages[path]?.hasInstallScript === true);
    const names = withScript.map((path) => path.replace(/^.*node_modules\//, ''));
    expect(Object.keys(allowScripts).toSorted()).toStrictEqual([...new Set(names)].toSorted());
  });
});

describe('the check for missing entries', () => {
  it('finds a dependency that is nowhere up the tree', () => {
    const lock = {
      'node_modules/a': { optionalDependencies: { 'a-linux': '1', 'a-darwin': '1', shared: '1' } },
      'node_modules/a/node_modules/a-linux': {},
      'node_modules/b/node_modules/a-darwin': {},
      'node_modules/shared': {},
    };
    expect(missing(lock, 'optionalDependencies')).toStrictEqual(['node_modules/a needs a-darwin']);
  });
});

import { readFileSync } from 'node:fs';

import { readDocument } from './markdown.js';

interface Manifest {
  readonly version: string;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
}

const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
const { version, peerDependencies, peerDependenciesMeta }: Manifest = JSON.parse(text);

/** Packages that every application of `nest new` has. */
const IN_EVERY_APPLICATION = new Set(['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs']);

const commands = [...readDocument('README.md').matchAll(/^npm install (\S+\.tgz) (.+)$/gm)].map(
  ([, tarball = '', packages = '']) => ({ tarball, packages: packages.split(' ') }),
);

describe('README.md', () => {
  it('installs every peer that an application does not have, on Nest 12 and on Nest 11', () => {
    const needed = Object.keys(peerDependencies).filter(
      (name) => !IN_EVERY_APPLICATION.has(name) && !peerDependenciesMeta[name]?.optional,
    );
    expect(commands.map(({ packages }) => packages.find((name) => name.startsWith('@nestjs/websockets')))).toEqual([
      '@nestjs/websockets@12',
      '@nestjs/websockets@11',
    ]);
    for (const { tarball, packages } of commands) {
      expect(tarball).toMatch(new RegExp(`/rookery-${version}\\.tgz$`));
      expect(packages.map((entry) => entry.replace(/(?<=.)@.*/, '')).toSorted()).toEqual(needed.toSorted());
    }
  });

  it('installs majors of the peers that the package allows', () => {
    const versioned = commands.flatMap(({ packages }) => packages).filter((entry) => /.@/.test(entry));
    for (const entry of versioned) {
      const [, name = '', major] = /^(.+)@(\d+)$/.exec(entry) ?? [];
      expect(`${entry}: ${peerDependencies[name]}`).toContain(`^${major}.`);
    }
  });
});

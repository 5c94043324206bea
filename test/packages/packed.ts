import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { copySources, npm } from '../support/project.js';

const run = promisify(execFile);

/** Output of `npm pack` in a fresh clone. */
export interface Packed {
  /** Copy of the project that was packed. */
  readonly project: string;
  readonly tarball: string;
  /** Folder with the content of the tarball. */
  readonly unpacked: string;
}

/** Packs a copy of the project. The caller gives `project` to `removeProject` in the end. */
export async function pack(): Promise<Packed> {
  const project = copySources();
  // A fresh clone has no build.
  rmSync(join(project, 'dist'), { recursive: true, force: true });
  const tarball = join(project, (await npm(project, 'pack', '--silent')).trim());
  await run('tar', ['-xzf', tarball], { cwd: project });
  return { project, tarball, unpacked: join(project, 'package') };
}

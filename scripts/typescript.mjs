import process from 'node:process';
import { fileURLToPath } from 'node:url';

const { platform, arch } = process;
const FOLDER = import.meta.resolve(`@typescript/typescript-${platform}-${arch}/package.json`);

/**
 * The compiler of TypeScript 7, a program of its own, which takes a quarter of the time that the one in JavaScript takes
 * (`typescript`, which stays for its API). It is started without its launcher: before Node 22.15 that one stays in
 * between, and passes no signals on.
 */
export const TSC = fileURLToPath(new URL(platform === 'win32' ? './lib/tsc.exe' : './lib/tsc', FOLDER));

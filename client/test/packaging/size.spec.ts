import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';

import { PROJECT } from '../../../test/support/project.js';

const LIMIT_BYTES = 10_500;
/** What is minified once more gets other names, which compress less well. */
const BUNDLED_LIMIT_BYTES = 10_700;

const sizeOf = (code: Uint8Array): number => gzipSync(code, { level: 9 }).length;

describe('the build for browsers', () => {
  it(`is smaller than ${LIMIT_BYTES} bytes, gzipped`, () => {
    const length = sizeOf(readFileSync(`${PROJECT}/client/dist/rookery-client.min.js`));
    expect(length).toBeGreaterThan(1000);
    expect(length).toBeLessThan(LIMIT_BYTES);
  });
});

describe('an application that is bundled for browsers', () => {
  it(`has less than ${BUNDLED_LIMIT_BYTES} bytes of it, gzipped`, async () => {
    const contents = `import { RookeryClient } from '@rookery/client'; globalThis.client = new RookeryClient('ws://example.org');`;
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: PROJECT },
      bundle: true,
      minify: true,
      format: 'esm',
      write: false,
    });
    const length = sizeOf(outputFiles[0]?.contents ?? new Uint8Array());
    expect(length).toBeGreaterThan(1000);
    expect(length).toBeLessThan(BUNDLED_LIMIT_BYTES);
  });
});

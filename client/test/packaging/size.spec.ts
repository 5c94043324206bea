import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import { PROJECT } from '../../../test/support/project.js';

const LIMIT_BYTES = 10_000;

describe('the build for browsers', () => {
  it(`is smaller than ${LIMIT_BYTES} bytes, gzipped`, () => {
    const build = readFileSync(`${PROJECT}/client/dist/rookery-client.min.js`);
    const { length } = gzipSync(build, { level: 9 });
    expect(length).toBeGreaterThan(1000);
    expect(length).toBeLessThan(LIMIT_BYTES);
  });
});

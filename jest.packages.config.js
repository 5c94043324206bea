import config from './jest.config.js';

/** @type {import('jest').Config} */
export default {
  ...config,
  roots: ['<rootDir>/test/packages', '<rootDir>/client/test/packages'],
  testPathIgnorePatterns: ['/node_modules/', '/fixtures/'],
  // Time for installing, compiling and starting applications on a busy machine.
  testTimeout: 900_000,
};

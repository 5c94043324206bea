import config from './jest.config.js';

/** @type {import('jest').Config} */
export default {
  ...config,
  roots: ['<rootDir>/test/soak', '<rootDir>/client/test/soak'],
  testPathIgnorePatterns: ['/node_modules/'],
};

import { availableParallelism } from 'node:os';

/** @type {import('jest').Config} */
export default {
  rootDir: '.',
  roots: ['<rootDir>/test', '<rootDir>/client/test'],
  testMatch: ['**/*.spec.ts', '**/*.e2e-spec.ts'],
  // `npm run test:packages` installs packages and compiles whole projects; `npm run test:chaos` kills nodes and Redis.
  testPathIgnorePatterns: ['/node_modules/', '/test/packages/', '/test/soak/'],
  testEnvironment: '<rootDir>/test/support/environment.ts',
  // Tests wait for sockets and processes as much as they compute: five at a time even on two cores.
  maxWorkers: Math.max(5, availableParallelism() - 1),
  // With ES modules, what a test file has loaded stays in memory: a worker that has too much of it is replaced.
  workerIdleMemoryLimit: '1GB',
  // A bound on what hangs, for machines that are busy; tests wait for conditions.
  testTimeout: 180_000,
  setupFilesAfterEnv: ['<rootDir>/test/support/teardown.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2023',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
      },
    ],
  },
};

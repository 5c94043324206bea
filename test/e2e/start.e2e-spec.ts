import { eventually } from '../support/eventually.js';
import { startProcess } from '../support/process.js';

const START_MS = 30_000;

describe('the stand-alone server in production', () => {
  it(
    'refuses to start without a key, and says which setting is missing',
    async () => {
      const server = startProcess({ NODE_ENV: 'production' });
      await server.exited;

      expect(server.exitCode()).toBe(1);
      await eventually(server.output, (output) => output.includes('JWT_SECRET'));
      expect(server.output()).not.toMatch(/Listening|\n\s+at /);
    },
    START_MS,
  );

  it(
    'never repeats a secret that it does not take',
    async () => {
      const server = startProcess({ NODE_ENV: 'production', JWT_SECRET: 'far-too-short' });
      await server.exited;

      expect(server.exitCode()).toBe(1);
      await eventually(server.output, (output) => output.includes('JWT_SECRET'));
      expect(server.output()).not.toContain('far-too-short');
    },
    START_MS,
  );
});

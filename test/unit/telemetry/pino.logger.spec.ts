import { execFile } from 'node:child_process';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';

import pino from 'pino';

import { oneLine, withoutQuery } from '../../../src/telemetry/log-line.js';
import { PinoLogger } from '../../../src/telemetry/pino.logger.js';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly context?: string;
  readonly stack?: string;
}

const LOGGER = new URL('../../../dist/telemetry/pino.logger.js', import.meta.url).href;

const EVIL = 'a\r\nb\u001b[31mc\u0085d\u2028e\u2029f';
const ESCAPED = 'a\\u000d\\u000ab\\u001b[31mc\\u0085d\\u2028e\\u2029f';

// oxlint-disable-next-line no-control-regex -- finding control characters is what it is for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** A logger, and the bytes that it has written. */
function recording(): { logger: PinoLogger; written: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { logger: new PinoLogger(pino({ level: 'trace' }, stream)), written: () => text };
}

describe('the log', () => {
  it('holds one line an event, whatever the text', () => {
    const { logger, written } = recording();
    logger.warn(EVIL, 'Context');

    expect(written().trimEnd()).not.toMatch(UNPRINTABLE);
    expect(JSON.parse(written())).toMatchObject({ msg: ESCAPED, context: 'Context' } satisfies Partial<Line>);
  });

  it('escapes what an error quotes, in its stack too', () => {
    const { logger, written } = recording();
    logger.error(new Error(`no such order: ${EVIL}`), 'OrdersService');
    const line = JSON.parse(written()) as Line;

    expect(written().trimEnd()).not.toMatch(UNPRINTABLE);
    expect(line.msg).toBe(`no such order: ${ESCAPED}`);
    expect(line.stack).toMatch(/\n +at /);
    expect(line.stack?.replaceAll('\n', '')).not.toMatch(UNPRINTABLE);
  });

  it('takes a stack that Nest hands over apart from its message', () => {
    const { logger, written } = recording();
    logger.error('failed', 'Error: failed\u2028\n    at here', 'Context');

    expect(JSON.parse(written())).toMatchObject({
      msg: 'failed',
      context: 'Context',
      stack: 'Error: failed\\u2028\n    at here',
    } satisfies Partial<Line>);
  });

  it.each([true, false])('has written the last words of a process (as JSON: %s)', async (json) => {
    const script = `
      const { createPino } = await import(${JSON.stringify(LOGGER)});
      const logger = await createPino({ level: 'info', json: ${json} });
      logger.info('last words');
      process.exit();
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
    expect(stdout).toContain('last words');
  });

  it('does not grow with what a client sends', () => {
    expect(oneLine('x'.repeat(1_000_000)).length).toBeLessThan(3000);
  });

  it('keeps addresses without their query', () => {
    expect(withoutQuery('/ws?token=secret')).toBe('/ws');
    expect(withoutQuery(undefined)).toBe('');
  });
});

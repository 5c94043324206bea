import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';

import { Journal } from '../../../src/telemetry/journal.js';
import { LogLine } from '../../../src/telemetry/log-line.js';
import { Telemetry } from '../../../src/telemetry/telemetry.js';
import { cleanUp } from '../../support/teardown.js';

/** A journal, and the lines that it has written with their levels. */
function recording(): { journal: Journal; telemetry: Telemetry; lines: [level: string, line: LogLine][] } {
  const lines: [string, LogLine][] = [];
  const keep =
    (level: string) =>
    (line: unknown): void => {
      if (line instanceof LogLine) lines.push([level, line]);
    };
  Logger.overrideLogger({ log: keep('log'), warn: keep('warn'), error: keep('error'), debug: keep('debug') });
  cleanUp(() => Logger.overrideLogger(false));
  const telemetry = new Telemetry();
  return { journal: new Journal(telemetry), telemetry, lines };
}

const ABOUT = { address: '10.0.0.1', status: 404 };

describe('Journal', () => {
  it('counts a refused upgrade and writes one line with its code, its reason and whom it is about', () => {
    const { journal, telemetry, lines } = recording();
    journal.refusedUpgrade('TOKEN_EXPIRED', 'The token has expired', { ...ABOUT, user: 'alice', status: 401 });

    expect(telemetry.refusals.get('TOKEN_EXPIRED')).toBe(1);
    expect(lines.map(([level, { message, fields }]) => [level, message, fields])).toEqual([
      [
        'log',
        'Upgrade refused: The token has expired',
        {
          event: 'upgrade.refused',
          code: 'TOKEN_EXPIRED',
          reason: 'The token has expired',
          address: '10.0.0.1',
          user: 'alice',
          status: 401,
        },
      ],
    ]);
  });

  it('writes what says something of the server as a warning', () => {
    const { journal, lines } = recording();
    journal.refusedUpgrade('FULL', 'The server is full', ABOUT);
    expect(lines.map(([level]) => level)).toEqual(['warn']);
  });

  it('writes at most twenty lines of an event and code at once, and counts all of them', () => {
    const { journal, telemetry, lines } = recording();
    for (let count = 0; count < 5000; count += 1) journal.refusedUpgrade('NOT_FOUND', 'Nothing here', ABOUT);

    expect(telemetry.refusals.get('NOT_FOUND')).toBe(5000);
    // The clock goes on while the loop runs: one more line a second.
    expect(lines.length).toBeGreaterThanOrEqual(20);
    expect(lines.length).toBeLessThan(60);
  });

  it('lets a flood of one code hide no other code', () => {
    const { journal, lines } = recording();
    for (let count = 0; count < 100; count += 1) journal.refusedUpgrade('NOT_FOUND', 'Nothing here', ABOUT);
    journal.refusedUpgrade('TOKEN_MISSING', 'A token is required', ABOUT);
    expect(lines.at(-1)?.[1].fields['code']).toBe('TOKEN_MISSING');
  });

  it('says when it ends how many lines of which event and code were left out', () => {
    const { journal, lines } = recording();
    for (let count = 0; count < 100; count += 1) journal.refusedUpgrade('NOT_FOUND', 'Nothing here', ABOUT);
    const written = lines.length;
    journal.onApplicationShutdown();

    expect(lines.slice(written).map(([, { fields }]) => fields)).toEqual([
      { event: 'journal.left_out', of: 'upgrade.refused', code: 'NOT_FOUND', count: 100 - written },
    ]);
  });

  it('reports what was left out after ten seconds, and begins counting again', () => {
    jest.useFakeTimers();
    cleanUp(() => void jest.useRealTimers());
    const { journal, lines } = recording();
    const flood = (): void => {
      for (let count = 0; count < 100; count += 1) journal.refusedUpgrade('NOT_FOUND', 'Nothing here', ABOUT);
    };
    const reported = (): number[] =>
      lines.flatMap(([, { fields }]) => (fields['event'] === 'journal.left_out' ? [Number(fields['count'])] : []));
    flood();
    jest.advanceTimersByTime(10_000);
    expect(reported()).toEqual([80]);
    flood();
    jest.advanceTimersByTime(10_000);
    // Ten seconds have given ten lines back.
    expect(reported()).toEqual([80, 90]);
    jest.advanceTimersByTime(60_000);
    expect(reported()).toHaveLength(2);
  });

  it('writes every act of an operator, with who did it', () => {
    const { journal, lines } = recording();
    for (let count = 0; count < 100; count += 1) journal.acted('disconnect', { by: 'ops', target: `c${count}` });
    expect(lines).toHaveLength(100);
    expect(lines[0]?.[1].fields).toEqual({ event: 'operator.acted', action: 'disconnect', by: 'ops', target: 'c0' });
  });

  it('escapes and cuts what comes from clients, in the text and in the fields', () => {
    const { journal, lines } = recording();
    const evil = `\r\n\u001b[2J\u2028${'x'.repeat(100_000)}`;
    journal.refusedUpgrade('NOT_FOUND', evil, { ...ABOUT, path: evil, user: evil });
    const text = JSON.stringify(lines[0]?.[1]) + String(lines[0]?.[1]);
    // oxlint-disable-next-line no-control-regex -- finding control characters is what it is for
    expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    expect(text.length).toBeLessThan(10_000);
  });
});

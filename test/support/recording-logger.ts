import type { LoggerService } from '@nestjs/common';

import { LogLine } from '../../src/telemetry/log-line.js';

/** A line of the journal, with its level as Nest names it. */
export interface JournalLine {
  readonly level: string;
  readonly text: string;
  readonly fields: LogLine['fields'];
}

/** Keeps what is logged, so that a test can look for it and its output stays clean. */
export class RecordingLogger implements LoggerService {
  readonly errors: string[] = [];
  readonly warnings: string[] = [];
  /** Lines with fields, of all levels. */
  readonly journal: JournalLine[] = [];

  log(...parts: unknown[]): void {
    this.keep('log', parts);
  }

  debug(...parts: unknown[]): void {
    this.keep('debug', parts);
  }

  warn(...parts: unknown[]): void {
    this.keep('warn', parts);
    this.warnings.push(textOf(parts));
  }

  error(...parts: unknown[]): void {
    this.keep('error', parts);
    this.errors.push(textOf(parts));
  }

  fatal(...parts: unknown[]): void {
    this.errors.push(textOf(parts));
  }

  /** The fields of the journal's lines about an event. */
  about(event: string): LogLine['fields'][] {
    return this.journal.flatMap(({ fields }) => (fields['event'] === event ? [fields] : []));
  }

  private keep(level: string, [line]: readonly unknown[]): void {
    if (line instanceof LogLine) this.journal.push({ level, text: line.message, fields: line.fields });
  }
}

function textOf(parts: readonly unknown[]): string {
  return parts.map((part) => (part instanceof Error ? `${part.message} ${part.stack ?? ''}` : String(part))).join(' ');
}

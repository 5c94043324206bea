import type { LoggerService } from '@nestjs/common';

/** Keeps what is logged, so that a test can look for it and its output stays clean. */
export class RecordingLogger implements LoggerService {
  readonly errors: string[] = [];
  readonly warnings: string[] = [];

  log(): void {
    // Of no interest.
  }

  warn(...parts: unknown[]): void {
    this.warnings.push(textOf(parts));
  }

  error(...parts: unknown[]): void {
    this.errors.push(textOf(parts));
  }

  fatal(...parts: unknown[]): void {
    this.errors.push(textOf(parts));
  }
}

function textOf(parts: readonly unknown[]): string {
  return parts.map((part) => (part instanceof Error ? `${part.message} ${part.stack ?? ''}` : String(part))).join(' ');
}

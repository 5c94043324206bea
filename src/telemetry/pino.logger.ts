import type { LoggerService } from '@nestjs/common';
import pino, { type LevelWithSilent, type Logger, type LoggerOptions } from 'pino';

import { LogLine, oneLine } from './log-line.js';

export interface LogSettings {
  readonly level: LevelWithSilent;
  /** One line of JSON an event; otherwise lines for people. */
  readonly json: boolean;
}

/** Where a token could stand in what is logged. */
const SECRETS = ['req.headers.authorization', 'req.headers.cookie', 'req.headers["sec-websocket-protocol"]'];

/** The logger of the stand-alone server. */
export async function createPino({ level, json }: LogSettings): Promise<Logger> {
  const options: LoggerOptions = {
    level,
    redact: { paths: SECRETS, censor: '[redacted]' },
    timestamp: pino.stdTimeFunctions.isoTime,
    base: json ? { pid: process.pid } : null,
  };
  if (json || level === 'silent') return pino(options);
  const { default: pretty } = await import('pino-pretty');
  const forPeople = pretty.prettyFactory({ ignore: 'pid,hostname', translateTime: 'HH:MM:ss', singleLine: true });
  const output = pino.destination();
  // Written here and at once: what a thread of pino's has not written yet when the process ends is lost.
  return pino(options, { write: (line) => void output.write(forPeople(line)) });
}

/** Where Nest tells what it puts together: of interest only when that goes wrong. */
const CHATTY_CONTEXTS = new Set([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'RouterExplorer',
  'RoutesResolver',
  'WebSocketsController',
]);

/** Nest's log lines, through pino. */
export class PinoLogger implements LoggerService {
  constructor(private readonly target: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write(CHATTY_CONTEXTS.has(String(rest.at(-1))) ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Nest hands over the context last, and before it the stack of an error. */
  private write(
    level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal',
    message: unknown,
    rest: unknown[],
  ): void {
    const texts = rest.filter((part) => typeof part === 'string');
    const context = texts.at(-1);
    const stack = texts.length > 1 ? texts[0] : undefined;
    const fields = {
      ...(context === undefined ? {} : { context }),
      ...(message instanceof LogLine ? message.fields : {}),
      ...stackOf(message instanceof Error ? message.stack : stack),
    };
    const hasText = message instanceof Error || message instanceof LogLine;
    this.target[level](fields, oneLine(hasText ? message.message : String(message)));
  }
}

/** A stack begins with the error's message, which may quote a client: its lines stay, all else is escaped. */
function stackOf(stack: string | undefined): { stack?: string } {
  return stack === undefined
    ? {}
    : {
        stack: stack
          .split('\n')
          .map((line) => oneLine(line))
          .join('\n'),
      };
}

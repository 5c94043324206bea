import type { IncomingHttpHeaders } from 'node:http';

import { ProtocolError, type ErrorCode } from '../protocol/errors.js';

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;
const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]+)/i;
/** JSON is UTF-8 (RFC 8259), of which ASCII is a part. Fastify would read any other text as UTF-8, too. */
const CHARSETS: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii']);

/** A body with which something is wrong as a whole, before any field of it is looked at. */
class BodyProblem extends ProtocolError {
  constructor(code: ErrorCode, message: string, details: { readonly field: string; readonly rule: string }) {
    super(code, details, message);
  }
}

const notJson = (): ProtocolError =>
  new BodyProblem('INVALID_PAYLOAD', 'The body must be a JSON object', {
    field: 'body',
    rule: 'must be a JSON object',
  });

const missing = (): ProtocolError =>
  new BodyProblem('INVALID_PAYLOAD', 'A body is required', { field: 'body', rule: 'is required' });

const otherType = (): ProtocolError =>
  new BodyProblem('UNSUPPORTED_MEDIA_TYPE', 'The Content-Type must be application/json', {
    field: 'content-type',
    rule: 'must be application/json',
  });

const otherCharset = (): ProtocolError =>
  new BodyProblem('UNSUPPORTED_MEDIA_TYPE', 'The charset must be utf-8', {
    field: 'content-type',
    rule: 'must have the charset utf-8, or none',
  });

const otherEncoding = (): ProtocolError =>
  new BodyProblem('UNSUPPORTED_MEDIA_TYPE', 'The Content-Encoding is not supported', {
    field: 'content-encoding',
    rule: 'must be one that the server supports',
  });

/** By the `type` of Express's body parsers, and the `code` of Fastify's. */
const PROBLEMS: Readonly<Record<string, () => ProtocolError>> = {
  'entity.parse.failed': notJson,
  'charset.unsupported': otherCharset,
  'encoding.unsupported': otherEncoding,
  FST_ERR_CTP_INVALID_JSON_BODY: notJson,
  FST_ERR_CTP_EMPTY_JSON_BODY: missing,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: otherType,
};

/** Returns what is wrong with a body by what the platform's parser threw; undefined for all else. */
export function problemOfParser(
  error: unknown,
  { 'content-encoding': encoding }: IncomingHttpHeaders,
): ProtocolError | undefined {
  const { type, code } = (error ?? {}) as { readonly type?: unknown; readonly code?: unknown };
  const name = [type, code].find((value) => typeof value === 'string' && Object.hasOwn(PROBLEMS, value));
  const problem = PROBLEMS[String(name)];
  // Fastify takes compressed bytes for text.
  return problem === notJson && isCompressed(encoding) ? otherEncoding() : problem?.();
}

/**
 * Returns what is wrong with the body of a call as a whole. What a platform does not read it leaves out, and what an
 * application has it read in another format would be taken for fields.
 */
export function problemOfBody(body: unknown, headers: IncomingHttpHeaders): ProtocolError | undefined {
  const { 'content-type': type, 'content-length': length, 'transfer-encoding': transfer } = headers;
  const isRead = typeof body === 'object' && body !== null && !Array.isArray(body);
  if (!isRead && transfer === undefined && !(Number(length) > 0)) return missing();
  if (type === undefined ? !isRead : !JSON_TYPE.test(type)) return otherType();
  const [, charset] = CHARSET.exec(type ?? '') ?? [];
  if (charset !== undefined && !CHARSETS.has(charset.toLowerCase())) return otherCharset();
  if (isRead) return undefined;
  return body === undefined ? otherType() : notJson();
}

function isCompressed(encoding = 'identity'): boolean {
  return encoding.toLowerCase() !== 'identity';
}

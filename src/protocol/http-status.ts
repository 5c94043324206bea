import { ERRORS, ProtocolError, type ErrorCode, type ErrorPayload } from './errors.js';

/** HTTP status of each code where an error is the answer to a REST call. */
export const STATUS_OF_CODE: Readonly<Record<ErrorCode, number>> = {
  INVALID_MESSAGE: 400,
  UNKNOWN_TYPE: 404,
  INVALID_PAYLOAD: 400,
  ROOM_NAME_INVALID: 400,
  FORBIDDEN: 403,
  NOT_JOINED: 409,
  ROOM_LIMIT: 409,
  RATE_LIMITED: 429,
  TOO_LARGE: 413,
  TOKEN_MISSING: 401,
  TOKEN_INVALID: 401,
  UNAVAILABLE: 503,
  REJECTED: 422,
  UNAUTHORIZED: 401,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  TIMEOUT: 408,
  CONFLICT: 409,
  GONE: 410,
  UNSUPPORTED_MEDIA_TYPE: 415,
  NOT_IMPLEMENTED: 501,
  INTERNAL: 500,
};

/**
 * Code of an exception that has an HTTP status and no code of its own, in gateways and over REST alike.
 * PROTOCOL.md lists the same; a test holds the two together.
 */
export const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'INVALID_PAYLOAD',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  408: 'TIMEOUT',
  409: 'CONFLICT',
  410: 'GONE',
  412: 'CONFLICT',
  413: 'TOO_LARGE',
  414: 'TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'RATE_LIMITED',
  501: 'NOT_IMPLEMENTED',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'UNAVAILABLE',
};

/** Statuses that frameworks give to input which breaks a rule, with a list of the rules as the text. */
const VALIDATION_STATUSES: ReadonlySet<number> = new Set([400, 422]);

/** Texts by which Nest reports a fault and a guard's plain refusal: nobody has chosen them. */
const FRAMEWORK_TEXTS: Readonly<Record<string, ErrorCode>> = {
  'Internal server error': 'INTERNAL',
  'Forbidden resource': 'FORBIDDEN',
};

/** Returns the code for a status: for any other 4xx `REJECTED`, for the rest `INTERNAL`. */
export function codeOfStatus(status: number): ErrorCode {
  return CODE_OF_STATUS[status] ?? (status >= 400 && status < 500 ? 'REJECTED' : 'INTERNAL');
}

/**
 * Makes the payload of an error from what an application gave: a text, or an object with any of `code`, `message` and
 * `details`. Each of them stays as it is; nothing else is taken from the object.
 *
 * @param status the HTTP status that goes with it, which names the code where the application does not
 */
export function payloadOfAnswer(answer: unknown, status?: number): ErrorPayload {
  const { code, message, details } = fieldsOf(answer);
  const fallback = status === undefined ? 'REJECTED' : codeOfStatus(status);
  const own = {
    ...(typeof code === 'string' || typeof code === 'number' ? { code: String(code) } : {}),
    ...(typeof details === 'object' && details !== null ? { details: details as Record<string, unknown> } : {}),
  };
  if (typeof message === 'string')
    return { ...(withoutFrameworkText(message, status) ?? { code: fallback, message }), ...own };
  const problem = problemIn(message);
  if (problem === undefined) return { code: fallback, message: textOf(fallback), ...own };
  if (status === undefined || VALIDATION_STATUSES.has(status)) {
    return { ...new ProtocolError('INVALID_PAYLOAD', problem).toPayload(), ...own };
  }
  return { code: fallback, message: problem.rule, ...own };
}

/** Returns the text of a code with which the application gave none. */
export function textOf(code: ErrorCode): string {
  // The text in the catalogue is about the broker.
  return code === 'UNAVAILABLE' ? 'Not possible at the moment' : ERRORS[code];
}

function fieldsOf(answer: unknown): Partial<Record<keyof ErrorPayload, unknown>> {
  if (typeof answer === 'string' || Array.isArray(answer)) return { message: answer };
  return typeof answer === 'object' && answer !== null ? answer : {};
}

function withoutFrameworkText(message: string, status: number | undefined): ErrorPayload | undefined {
  const code = FRAMEWORK_TEXTS[message];
  const fits = code !== undefined && (status === undefined || codeOfStatus(status) === code);
  return fits ? new ProtocolError(code).toPayload() : undefined;
}

/** Reads the broken rules from what a validation pipe gives for a text: a list of them, or lists by field. */
function problemIn(message: unknown): { readonly field?: string; readonly rule: string } | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  if (Array.isArray(message)) return ruleIn(message);
  for (const [field, rules] of Object.entries(message)) {
    const found = ruleIn(rules);
    if (found !== undefined) return { field, ...found };
  }
  return undefined;
}

function ruleIn(rules: unknown): { readonly rule: string } | undefined {
  const texts = Array.isArray(rules) ? rules.filter((rule) => typeof rule === 'string') : [];
  return texts.length === 0 ? undefined : { rule: texts.join('; ') };
}

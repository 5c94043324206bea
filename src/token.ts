import process from 'node:process';
import { parseArgs } from 'node:util';

import { SignJWT } from 'jose/jwt/sign';

import { hasOtherIssuer, signingKeyOf } from './auth/signing-key.js';
import { TOKEN_HEADER, claimsOf, type TokenRequest } from './auth/token-claims.js';
import { StartError } from './config/start-error.js';
import { MAX_USER_ID_LENGTH, isPrintable } from './protocol/room-name.js';
import { readSettings } from './settings.js';

// Nothing of Nest is imported here: loading it would take longer than all the rest.

const USAGE = `Usage:

  npm run token -- --sub alice [--room 'chat:*']... [--admin] [--ttl SECONDS]

Prints a token for the user alice, signed with this server’s secret.

  --sub    the user that the token is for
  --room   a pattern of rooms that the token grants; without any, DEFAULT_GRANTS apply
  --admin  grants everything, and the operators’ REST
  --ttl    the token’s lifetime in seconds; 43200, which is 12 hours, by default
`;

/** A reason why there is no token. */
class Refusal extends Error {}

class UsageError extends Refusal {
  constructor(message: string) {
    super(`${message}\n\n${USAGE}`);
  }
}

function readCommandLine() {
  try {
    return parseArgs({
      options: {
        sub: { type: 'string' },
        room: { type: 'string', multiple: true },
        admin: { type: 'boolean', default: false },
        ttl: { type: 'string', default: '43200' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    // Without the two dashes npm takes the options for its own, and passes on their values alone.
    if (codeOf(error) === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL') {
      throw new UsageError('There is an argument without an option. npm passes options on only after two dashes.');
    }
    if (codeOf(error) === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw new UsageError('There is an unknown option.');
    if (codeOf(error) === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') {
      throw new UsageError('--sub, --room and --ttl need a value, --admin and --help take none.');
    }
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function requestOf({ sub, room, admin, ttl }: ReturnType<typeof readCommandLine>): TokenRequest {
  if (sub === undefined) throw new UsageError('--sub is missing: the user that the token is for.');
  if (!isPrintable(sub, MAX_USER_ID_LENGTH)) {
    throw new UsageError(`--sub must be 1 to ${MAX_USER_ID_LENGTH} characters, none of them a control character.`);
  }
  const lifetimeSeconds = Number(ttl);
  if (!Number.isSafeInteger(lifetimeSeconds) || lifetimeSeconds <= 0) {
    throw new UsageError('--ttl must be a whole number of seconds, at least 1.');
  }
  return { userId: sub, admin, lifetimeSeconds, ...(room === undefined ? {} : { rooms: room }) };
}

async function sign(request: TokenRequest): Promise<string> {
  const options = readSettings();
  if (hasOtherIssuer(options)) {
    const setting = options.jwksUrl === undefined ? 'JWT_PUBLIC_KEY' : 'JWKS_URL';
    throw new Refusal(
      `No token can be made here: ${setting} only verifies tokens. Get one from their issuer, or set JWT_SECRET instead.`,
    );
  }
  return new SignJWT(claimsOf(request, options)).setProtectedHeader(TOKEN_HEADER).sign(signingKeyOf(options));
}

try {
  const commandLine = readCommandLine();
  if (commandLine.help) process.stdout.write(USAGE);
  else process.stdout.write(`${await sign(requestOf(commandLine))}\n`);
} catch (error) {
  const isExpected = error instanceof Refusal || error instanceof StartError;
  if (!isExpected) throw error;
  process.stderr.write(`${(error as Error).message.trimEnd()}\n`);
  process.exitCode = 1;
}

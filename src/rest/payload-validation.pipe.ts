import { Injectable, ValidationPipe, type ArgumentMetadata, type ValidationError } from '@nestjs/common';

import { ProtocolError } from '../protocol/errors.js';
import { MAX_DATA_DEPTH, deeperThan } from '../protocol/payloads.js';

/** The first broken rule of the first broken field, however deep. */
function firstProblem(errors: readonly ValidationError[], path = ''): { field: string; rule: string } | undefined {
  for (const { property, constraints, children = [] } of errors) {
    const field = path === '' ? property : `${path}.${property}`;
    const [rule] = Object.values(constraints ?? {});
    if (rule !== undefined) return { field, rule };
    const deeper = firstProblem(children, field);
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}

/**
 * Validation by class-validator whose errors are `INVALID_PAYLOAD` with field and rule, and never hold the value.
 * For REST bodies, and for the payloads of an application's own messages.
 */
@Injectable()
export class PayloadValidationPipe extends ValidationPipe {
  constructor() {
    super({
      transform: true,
      whitelist: true,
      forbidNonWhitelisted: true,
      forbidUnknownValues: true,
      validationError: { target: false, value: false },
      exceptionFactory: (errors) => new ProtocolError('INVALID_PAYLOAD', firstProblem(errors)),
    });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    // The libraries below recurse: they would overflow the stack on what only says that it is deep. What comes from
    // decorators of one's own, and a gateway's connection, is no payload and is let through by them.
    if (metadata.type !== 'custom' && deeperThan(value, MAX_DATA_DEPTH)) {
      throw new ProtocolError('INVALID_PAYLOAD', {
        field: 'payload',
        rule: `must not nest deeper than ${MAX_DATA_DEPTH} levels`,
      });
    }
    return super.transform(value, metadata) as Promise<unknown>;
  }
}

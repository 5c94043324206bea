import { Injectable, type ArgumentMetadata } from '@nestjs/common';

import { PayloadValidationPipe } from '../rest/payload-validation.pipe.js';

/** Fields that are carried: any JSON value, `null` included. */
const CARRIED = ['data', 'message'] as const;

/**
 * Validation of a publish's body, all but what it carries. The libraries would look into that: drop keys such as
 * `constructor`, or fail on them. A stand-in tells them that it is there.
 */
@Injectable()
export class PublishingPipe extends PayloadValidationPipe {
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type !== 'body' || typeof value !== 'object' || value === null) {
      return super.transform(value, metadata);
    }
    const body = value as Readonly<Record<string, unknown>>;
    const fields = CARRIED.filter((field) => Object.hasOwn(body, field));
    const standIns = Object.fromEntries(fields.map((field) => [field, true]));
    const carried = Object.fromEntries(fields.map((field) => [field, body[field]]));
    const checked = (await super.transform({ ...body, ...standIns }, metadata)) as object;
    return Object.assign(checked, carried);
  }
}

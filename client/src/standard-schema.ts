import { clientError } from './errors.js';

/**
 * The part of Standard Schema (version 1) that this package uses: what validators of many libraries offer under
 * `~standard`. Written out here so that the package needs none of them.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** Never there at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a validator finds. */
export type StandardResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] };

/** One thing that a validator finds wrong. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a validator finds, or the data as it is where there is none. */
export async function checkOutput(
  schema: StandardSchemaV1 | undefined,
  data: unknown,
): Promise<{ readonly value?: unknown; readonly issues?: readonly StandardIssue[] | undefined }> {
  return schema === undefined ? { value: data } : schema['~standard'].validate(data);
}

/**
 * Checks what is to be published. What goes over the wire is the data itself, not what the validator makes of it: those
 * who receive it check it anew.
 *
 * @returns something to wait for, where the validator takes its time
 * @throws RookeryError `INVALID_DATA`
 */
export function checkInput(schema: StandardSchemaV1, data: unknown): Promise<void> | undefined {
  const refuse = ({ issues }: StandardResult<unknown>): void => {
    if (issues !== undefined) throw clientError('INVALID_DATA', issues[0]?.message ?? 'Not valid', { issues });
  };
  const result = schema['~standard'].validate(data);
  if (result instanceof Promise) return result.then(refuse);
  refuse(result);
  return undefined;
}

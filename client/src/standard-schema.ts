import { attempt } from './attempt.js';

/**
 * The part of Standard Schema (version 1) that this package uses: what validators of many libraries offer under
 * `~standard`. Written out here so that the package needs none of them.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    /** Says whether the value is as it should be, and what it becomes. */
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** Never there at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a validator finds. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly value?: undefined; readonly issues: readonly StandardIssue[] };

/** One thing that a validator finds wrong. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

function broken(error: unknown): StandardResult<unknown> {
  return { issues: [{ message: String(error) }] };
}

/** What a validator finds; one that throws has not said yes. Without one, everything is as it should be. */
export function validated(
  schema: StandardSchemaV1 | undefined,
  value: unknown,
): StandardResult<unknown> | Promise<StandardResult<unknown>> {
  return schema === undefined ? { value } : attempt(() => schema['~standard'].validate(value), broken);
}

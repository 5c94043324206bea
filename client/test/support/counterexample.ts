import * as fc from 'fast-check';

/** Part of what has to hold in every run of a property. */
export function need(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** Looks for a run in which a property does not hold; undefined when there is none. */
export function counterexample<Inputs extends unknown[]>(
  property: fc.IProperty<Inputs>,
  numRuns: number,
): { readonly inputs: unknown; readonly seed: number; readonly error: string } | undefined {
  const { failed, counterexample: inputs, seed, errorInstance } = fc.check(property, { numRuns });
  return failed ? { inputs, seed, error: String(errorInstance) } : undefined;
}

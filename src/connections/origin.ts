/**
 * Makes the check of the `Origin` of an upgrade, and of a page that wants a ticket: exactly one of those allowed, as
 * browsers send it. A native client sends none, which passes unless one is required.
 */
export function originCheck(allowed: readonly string[], required: boolean): (origin: string | undefined) => boolean {
  const list = new Set(allowed);
  return (origin) => {
    if (origin === undefined) return !required;
    return list.size === 0 || list.has(origin);
  };
}

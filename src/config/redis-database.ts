/**
 * Returns the number of the database that an address of Redis names, 0 by default.
 *
 * @returns undefined if it is not a number
 * @example databaseOf('redis://localhost:6379/1') // 1
 */
export function databaseOf(url: string): number | undefined {
  if (!URL.canParse(url)) return 0;
  const { pathname, searchParams } = new URL(url);
  const text = pathname.length > 1 ? pathname.slice(1) : (searchParams.get('db') ?? '0');
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

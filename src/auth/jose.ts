/** Library for key sets and EdDSA. */
export type Jose = typeof import('jose');

/**
 * Loads jose on first use. jose is ESM only, and jest loads no ES modules in a CommonJS application by default. With a
 * secret or a key of another kind, such an application works there all the same.
 *
 * @throws Error that names the flag which jest needs
 */
export async function loadJose(): Promise<Jose> {
  try {
    return await import('jose');
  } catch (error) {
    throw new Error(
      'Cannot load jose, an ES module that JWKS_URL and Ed25519 keys need. In jest, set NODE_OPTIONS=--experimental-vm-modules',
      { cause: error },
    );
  }
}

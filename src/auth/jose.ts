/** The library for key sets and EdDSA. */
export type Jose = typeof import('jose');

/**
 * Loads jose when it is first needed. It is an ES module alone, which jest cannot load for an application in CommonJS
 * unless told to; with a secret or a key of another kind, such tests never come here.
 *
 * @throws Error saying what jest has to be told
 */
export async function loadJose(): Promise<Jose> {
  try {
    return await import('jose');
  } catch (error) {
    throw new Error(
      'JWKS_URL and Ed25519 keys need the ES module jose, which cannot be loaded here; jest needs NODE_OPTIONS=--experimental-vm-modules',
      { cause: error },
    );
  }
}

/** A reason why the server cannot start that its user can remove. The message says all there is to say: no stack. */
export class StartError extends Error {
  override readonly name: string = 'StartError';
}

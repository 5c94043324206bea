import type { WebSocket } from 'ws';

/**
 * The only file that knows the insides of `ws`. `ws-probe.ts` holds them at start against the version that is
 * installed.
 */
interface Insides {
  readonly _receiver: { readonly _fragments: readonly unknown[]; readonly _bufferedBytes: number } | null;
}

/** Returns true while part of a frame or of a fragmented message is waiting for the rest. */
export function hasUnfinishedMessage(ws: WebSocket): boolean {
  const receiver = (ws as unknown as Insides)._receiver;
  return receiver !== null && (receiver._fragments.length > 0 || receiver._bufferedBytes > 0);
}

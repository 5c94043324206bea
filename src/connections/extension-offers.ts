import type { IncomingMessage } from 'node:http';

/**
 * permessage-deflate as it is agreed to: no message leans on the one before, so that one compressed message serves all
 * members, and no connection keeps a window.
 */
export const PER_MESSAGE_DEFLATE = { serverNoContextTakeover: true, clientNoContextTakeover: true };

const EXTENSIONS = 'sec-websocket-extensions';

/**
 * Takes out offers of permessage-deflate that ask the server for a smaller window: messages for such a client would
 * have to be compressed apart. It goes without, or with another of its offers; `ws` would refuse the whole upgrade.
 */
export function dropUnacceptableOffers({ headers }: IncomingMessage): void {
  const offers = headers[EXTENSIONS]?.split(',');
  const acceptable = offers?.filter((offer) => !offer.includes('server_max_window_bits'));
  if (acceptable === undefined || acceptable.length === 0) delete headers[EXTENSIONS];
  else headers[EXTENSIONS] = acceptable.join(',');
}

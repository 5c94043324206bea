/** A message as the broker keeps and delivers it. */
export interface Publication {
  /** Place in the room's order; absent on a volatile one. */
  readonly offset?: number;
  /** The publisher's id, or else the broker's. */
  readonly id: string;
  /** The publisher's user id; absent when the server itself published. */
  readonly from?: string;
  /** JSON text: parsed once on the way in, then carried as it is. */
  readonly data: string;
  /** Milliseconds since 1970, by the broker's clock. */
  readonly timestamp: number;
  /** The connection that published and does not get it back. */
  readonly origin?: string;
}

/** A publication with a place in the order. */
export type NumberedPublication = Publication & { readonly offset: number };

/** Returns whether a publication has a place in the order. */
export function isNumbered(publication: Publication): publication is NumberedPublication {
  return publication.offset !== undefined;
}

/** What a publisher hands in. */
export interface PublishRequest {
  readonly room: string;
  readonly data: string;
  readonly from?: string | undefined;
  /** Makes the publish idempotent among those of the same `from` in the same room. */
  readonly id?: string | undefined;
  readonly volatile?: boolean | undefined;
  readonly origin?: string | undefined;
}

/** What became of it. */
export interface PublishResult {
  readonly id: string;
  readonly epoch?: string;
  /** Absent for a volatile publication. */
  readonly offset?: number;
  readonly duplicate?: true;
}

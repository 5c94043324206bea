/** What the heartbeat knows of a connection. Times are milliseconds of the monotonic clock. */
export interface Pulse {
  /** Bytes read from the socket at the last look. */
  bytesRead: number;
  /** The last sign of life. */
  seenAt: number;
  pingedAt: number;
  /** Since when a message has been coming in that is not complete; 0 when there is none. */
  midMessageSince: number;
  /** Place on the heartbeat's wheel. */
  slot: number;
}

declare module 'cluster-key-slot' {
  /** Returns the slot of a key on a Redis Cluster. */
  export default function keySlot(key: string): number;
}

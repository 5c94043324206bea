/** What a slow member of a room without history gets: all but the oldest, only the newest, or closed with 4508. */
export const OVERFLOWS = ['drop-oldest', 'keep-latest', 'disconnect'] as const;
export type Overflow = (typeof OVERFLOWS)[number];

/** Who may publish, given the grant: everyone who has it, only members, or only the server's own code. */
export const PUBLISHERS = ['granted', 'members', 'server'] as const;
export type Publishers = (typeof PUBLISHERS)[number];

/**
 * How the rooms that fit a pattern behave. What a rule leaves out comes from the options.
 *
 * @example
 * { pattern: 'ticker:*', historySize: 0, overflow: 'keep-latest', publish: 'server' }
 */
export interface RoomRule {
  /** Glob over room names; `*` stands for any run of characters. */
  readonly pattern: string;
  /** Messages kept. @default the option `historySize` */
  readonly historySize?: number;
  /** How long a message is kept, in milliseconds. @default the option `historyTtlMs` */
  readonly historyTtlMs?: number;
  /** Tell members who comes and goes. @default false */
  readonly presence?: boolean;
  /** Give the sender its own messages too. @default false */
  readonly echo?: boolean;
  /** @default 'granted' */
  readonly publish?: Publishers;
  /** Only for rooms without history. @default 'drop-oldest' */
  readonly overflow?: Overflow;
}

/** The name of the behaviour of rooms that no rule fits. */
export const NO_RULE = 'default';

/** A rule with nothing left open. */
export interface RoomBehaviour extends Required<Omit<RoomRule, 'pattern'>> {
  /** The pattern of the rule, or `default` where no rule fits: a label of metrics. */
  readonly rule: string;
}

import { Injectable } from '@nestjs/common';

import { compilePattern, type RoomMatcher } from '../protocol/room-pattern.js';
import { RookeryOptions } from './rookery.options.js';
import { NO_RULE, type RoomBehaviour } from './room-rule.js';

/** Finds the rule of a room. */
@Injectable()
export class RoomRules {
  private readonly rules: readonly { readonly matches: RoomMatcher; readonly behaviour: RoomBehaviour }[];
  private readonly fallback: RoomBehaviour;

  constructor(options: RookeryOptions) {
    this.fallback = {
      rule: NO_RULE,
      historySize: options.historySize,
      historyTtlMs: options.historyTtlMs,
      presence: false,
      echo: false,
      publish: 'granted',
      overflow: 'drop-oldest',
    };
    this.rules = options.rooms.map(({ pattern, ...rule }) => ({
      matches: compilePattern(pattern),
      behaviour: { ...this.fallback, ...rule, rule: pattern },
    }));
  }

  /** Returns the name of each behaviour that a room can have: the patterns, and `default`. */
  names(): string[] {
    return [...new Set([NO_RULE, ...this.rules.map(({ behaviour }) => behaviour.rule)])];
  }

  /** The first rule that fits, in the order in which they were given. */
  of(room: string): RoomBehaviour {
    for (const rule of this.rules) if (rule.matches(room)) return rule.behaviour;
    return this.fallback;
  }
}

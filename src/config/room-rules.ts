import { Injectable } from '@nestjs/common';

import { compilePattern, type RoomMatcher } from '../protocol/room-pattern.js';
import { RookeryOptions } from './rookery.options.js';
import type { RoomBehaviour } from './room-rule.js';

/** Finds the rule of a room. */
@Injectable()
export class RoomRules {
  private readonly rules: readonly { readonly matches: RoomMatcher; readonly behaviour: RoomBehaviour }[];
  private readonly fallback: RoomBehaviour;

  constructor(options: RookeryOptions) {
    this.fallback = {
      historySize: options.historySize,
      historyTtlMs: options.historyTtlMs,
      presence: false,
      echo: false,
      publish: 'granted',
      overflow: 'drop-oldest',
    };
    this.rules = options.rooms.map(({ pattern, ...rule }) => ({
      matches: compilePattern(pattern),
      behaviour: { ...this.fallback, ...rule },
    }));
  }

  /** The first rule that fits, in the order in which they were given. */
  of(room: string): RoomBehaviour {
    for (const rule of this.rules) if (rule.matches(room)) return rule.behaviour;
    return this.fallback;
  }
}

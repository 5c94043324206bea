import { SettingsError } from '../config/resolve-options.js';
import type { RookeryOptions } from '../config/rookery.options.js';
import { compilePattern, type RoomMatcher } from '../protocol/room-pattern.js';

/** What can be done in a room. */
export const ROOM_ACTIONS = ['join', 'publish', 'presence', 'history'] as const;
export type RoomAction = (typeof ROOM_ACTIONS)[number];

const MAX_GRANTS = 1000;
const MAX_PATTERN_LENGTH = 500;

interface Grant {
  readonly actions: ReadonlySet<RoomAction>;
  readonly matches: RoomMatcher;
}

const EVERY_ACTION: ReadonlySet<RoomAction> = new Set(ROOM_ACTIONS);

function isAction(value: unknown): value is RoomAction {
  return ROOM_ACTIONS.includes(value as RoomAction);
}

/** A grant that cannot be read. */
export class GrantError extends Error {}

function parseEntry(entry: unknown): { pattern: string; actions: ReadonlySet<RoomAction> } {
  const { pattern, can } = typeof entry === 'string' ? { pattern: entry } : ((entry ?? {}) as Record<string, unknown>);
  if (typeof pattern !== 'string' || pattern === '' || pattern.length > MAX_PATTERN_LENGTH) {
    throw new GrantError(`a room grant needs a pattern of 1 to ${MAX_PATTERN_LENGTH} characters`);
  }
  if (can === undefined) return { pattern, actions: EVERY_ACTION };
  if (!Array.isArray(can) || !can.every(isAction)) {
    throw new GrantError(`a room grant’s "can" lists some of ${ROOM_ACTIONS.join(', ')}`);
  }
  return { pattern, actions: new Set(can) };
}

/** A template of grants, read once; `{sub}` in its patterns is filled in for each user. */
export class GrantTemplate {
  private readonly entries: readonly { pattern: string; actions: ReadonlySet<RoomAction> }[];
  private readonly shared: Grants | undefined;

  /**
   * @param entries a list of patterns and `{pattern, can}`, as it comes from a token or the settings
   * @throws GrantError
   */
  constructor(entries: unknown) {
    if (!Array.isArray(entries)) throw new GrantError('room grants must be a list');
    if (entries.length > MAX_GRANTS) throw new GrantError(`more than ${MAX_GRANTS} room grants`);
    this.entries = entries.map(parseEntry);
    // Where no pattern names the user, all connections share one set of compiled patterns.
    if (!this.entries.some(({ pattern }) => pattern.includes('{sub}'))) this.shared = this.compile('');
  }

  for(userId: string): Grants {
    return this.shared ?? this.compile(userId);
  }

  private compile(userId: string): Grants {
    return new Grants(
      this.entries.map(({ pattern, actions }) => ({ actions, matches: compilePattern(pattern, userId) })),
    );
  }
}

/**
 * What a token without a `rooms` claim may do, as the settings say.
 *
 * @throws SettingsError
 */
export function defaultGrantsOf({ defaultGrants = [] }: RookeryOptions): GrantTemplate {
  try {
    return new GrantTemplate(defaultGrants);
  } catch (error) {
    throw error instanceof GrantError ? new SettingsError([`DEFAULT_GRANTS: ${error.message}`]) : error;
  }
}

/** What one token may do, room by room. */
export class Grants {
  static readonly NONE = new Grants([]);

  constructor(private readonly grants: readonly Grant[]) {}

  allows(action: RoomAction, room: string): boolean {
    for (const grant of this.grants) if (grant.actions.has(action) && grant.matches(room)) return true;
    return false;
  }
}

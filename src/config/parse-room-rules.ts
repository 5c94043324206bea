import { OVERFLOWS, PUBLISHERS, type RoomRule } from './room-rule.js';

const isCount = (value: unknown): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isFlag = (value: unknown): boolean => typeof value === 'boolean';
const isOneOf =
  (names: readonly string[]) =>
  (value: unknown): boolean =>
    names.includes(value as string);

const FIELDS: Readonly<Record<keyof RoomRule, { test: (value: unknown) => boolean; rule: string }>> = {
  pattern: { test: (value) => typeof value === 'string' && value.length > 0, rule: 'must be a non-empty text' },
  historySize: { test: isCount, rule: 'must be a whole number, 0 or more' },
  historyTtlMs: { test: isCount, rule: 'must be a whole number, 0 or more' },
  presence: { test: isFlag, rule: 'must be true or false' },
  echo: { test: isFlag, rule: 'must be true or false' },
  publish: { test: isOneOf(PUBLISHERS), rule: `must be one of ${PUBLISHERS.join(', ')}` },
  overflow: { test: isOneOf(OVERFLOWS), rule: `must be one of ${OVERFLOWS.join(', ')}` },
};

/**
 * Checks a list of room rules as read from a file.
 *
 * @returns what is wrong, one sentence each; empty when nothing is
 */
export function problemsOfRoomRules(rules: unknown): string[] {
  if (!Array.isArray(rules)) return ['room rules must be a list'];
  return rules.flatMap((rule: unknown, index) => {
    if (typeof rule !== 'object' || rule === null) return [`room rule ${index} must be an object`];
    const entries = Object.entries({ pattern: undefined, ...rule });
    return entries.flatMap(([field, value]) => {
      const known = Object.hasOwn(FIELDS, field) ? FIELDS[field as keyof RoomRule] : undefined;
      if (known === undefined) return [`room rule ${index} has an unknown field ${JSON.stringify(field)}`];
      return known.test(value) ? [] : [`room rule ${index}: ${field} ${known.rule}`];
    });
  });
}

import * as fc from 'fast-check';

const CLIENTS = 4;
/** More messages than a schedule can publish: nothing is ever trimmed. */
export const PLENTY = 100_000;
export const ROOMS = ['kept:a', 'kept:b', 'bare:drop', 'bare:latest'] as const;

export type Step =
  | { readonly kind: 'publish'; readonly room: string; readonly by: number | undefined; readonly volatile: boolean }
  | { readonly kind: 'burst'; readonly room: string; readonly count: number }
  | { readonly kind: 'join'; readonly client: number; readonly room: string; readonly recover: boolean }
  | { readonly kind: 'leave'; readonly client: number; readonly room: string }
  | { readonly kind: 'stall' | 'resume' | 'reconnect' | 'hold' | 'release'; readonly client: number }
  | { readonly kind: 'lose' | 'double'; readonly count: number }
  | { readonly kind: 'forget' }
  | { readonly kind: 'turn'; readonly count: number };

/** What one schedule consists of. */
export interface Schedule {
  readonly clients: number;
  readonly historySize: number;
  readonly late: boolean;
  readonly steps: readonly Step[];
}

const client = fc.nat({ max: CLIENTS - 1 });
const room = fc.constantFrom(...ROOMS);
const count = fc.integer({ min: 1, max: 4 });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      room,
      by: fc.option(client, { nil: undefined }),
      volatile: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('burst' as const), room, count: fc.integer({ min: 5, max: 40 }) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('join' as const), client, room, recover: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), client, room }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('stall', 'resume', 'reconnect'), client }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('hold', 'release'), client }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('lose', 'double'), count }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'forget' as const }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('turn' as const), count }) },
);

/** Random schedules of everything that can happen to members of rooms. */
export function schedules(maxSteps: number): fc.Arbitrary<Schedule> {
  return fc.record({
    clients: fc.constant(CLIENTS),
    historySize: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constant(PLENTY)),
    late: fc.boolean(),
    steps: fc.array(step, { maxLength: maxSteps, size: 'max' }),
  });
}

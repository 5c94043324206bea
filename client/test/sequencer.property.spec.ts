import * as fc from 'fast-check';

import { ACTS, RoomModel, type Act } from './support/room-model.js';

/** `npm run test:soak` asks for more. */
const RUNS = Number(process.env['SOAK_RUNS'] ?? 1000);

/** Acts that belong together: what takes several of them in a row is not found among single ones. */
const SCENES: readonly (readonly Act[])[] = [
  ['publish', 'server takes'],
  ['publish', 'server refuses for now'],
  ['publish', 'server takes, and says unavailable'],
  ['reply arrives', 'send again', 'server takes'],
  ['reply arrives', 'send again'],
  ['other publishes', 'message arrives'],
];
/** Each run knows a few acts and scenes only, and so comes to those often. */
const acts: fc.Arbitrary<Act[]> = fc
  .tuple(fc.subarray([...SCENES, ...ACTS.map((act) => [act])], { minLength: 3 }), fc.integer({ min: 5, max: 60 }))
  .chain(([some, maxLength]) => fc.array(fc.constantFrom(...some), { maxLength }))
  .map((scenes) => scenes.flat());

const LOSSES = new Set<Act>(['cut, and history is gone', 'messages are lost', 'epoch changes']);
const withoutLoss = acts.map((list) => list.filter((act) => !LOSSES.has(act)));

function play(list: readonly Act[], echo: boolean): RoomModel {
  const model = new RoomModel(echo);
  for (const act of list) model.act(act);
  model.settle();
  return model;
}

const messagesOf = ({ out }: RoomModel): string[] => out.flatMap(({ message }) => (message ? [message.id] : []));
const numbered = (id: string): boolean => !id.startsWith('v');

/** Where something is missing, that has to be said before what follows it. */
function breaksOf({ out }: RoomModel): string[] {
  return out.flatMap(({ epoch, offset, message }, index) => {
    const before = out[index - 1];
    if (before === undefined || message?.offset === undefined) return [];
    if (epoch === before.epoch && offset === before.offset + 1) return [];
    return [`${epoch}:${offset} after ${before.epoch}:${before.offset}`];
  });
}

describe('the order of a room', () => {
  it('has every message once and in order, own ones included, over any number of reconnects', () => {
    fc.assert(
      fc.property(withoutLoss, fc.boolean(), (list, echo) => {
        const model = play(list, echo);
        expect(messagesOf(model).filter(numbered)).toEqual(model.accepted.map(({ id }) => id));
        expect(model.lost).toEqual([]);
        expect(model.sequencer.waiting()).toBe(0);
      }),
      { numRuns: RUNS },
    );
  });

  it('has every message once and in order but those that it says are lost', () => {
    fc.assert(
      fc.property(acts, fc.boolean(), (list, echo) => {
        const model = play(list, echo);
        const seen = messagesOf(model).filter(numbered);
        expect(new Set(seen).size).toBe(seen.length);
        const order = new Map(model.accepted.map(({ id }, index) => [id, index]));
        expect(seen.map((id) => order.get(id))).toEqual(
          seen.map((id) => order.get(id)).toSorted((a, b) => Number(a) - Number(b)),
        );
        expect(seen.length === model.accepted.length || model.lost.length > 0).toBe(true);
        expect(breaksOf(model)).toEqual([]);
        expect(model.sequencer.waiting()).toBe(0);
      }),
      { numRuns: RUNS },
    );
  });

  it('moves its position with what comes out, and never back within an epoch', () => {
    fc.assert(
      fc.property(acts, fc.boolean(), (list, echo) => {
        const { out, sequencer } = play(list, echo);
        const last = out.at(-1);
        expect(sequencer.position()).toEqual({ epoch: last?.epoch, offset: last?.offset });
        for (const [index, item] of out.entries()) {
          const before = out[index - 1];
          if (before === undefined || before.epoch !== item.epoch || item.message === undefined) continue;
          const isVolatile = item.message.offset === undefined;
          expect(isVolatile ? item.offset === before.offset : item.offset > before.offset).toBe(true);
        }
      }),
      { numRuns: RUNS },
    );
  });
});

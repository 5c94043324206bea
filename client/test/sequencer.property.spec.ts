import * as fc from 'fast-check';

import { ACTS, FAULTS, RoomModel, type Act } from './support/room-model.js';

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
  ['publish', 'server takes', 'end of history is lost'],
  ['other publishes', 'message arrives', 'end of history is lost'],
];
/** Each run knows a few acts and scenes only, and so comes to those often. */
const actsOf = (all: readonly Act[]): fc.Arbitrary<Act[]> =>
  fc
    .tuple(fc.subarray([...SCENES, ...all.map((act) => [act])], { minLength: 3 }), fc.integer({ min: 5, max: 60 }))
    .chain(([some, maxLength]) => fc.array(fc.constantFrom(...some), { maxLength }))
    .map((scenes) => scenes.flat());
const acts = actsOf(ACTS);

const LOSSES = new Set<Act>(['cut, and history is gone', 'messages are lost', 'epoch changes']);
const ENDINGS = new Set<Act>(['end of history is lost']);
const without = (list: readonly Act[], ...sets: readonly Set<Act>[]): Act[] =>
  list.filter((act) => !sets.some((set) => set.has(act)));
const withoutLoss = acts.map((list) => without(list, LOSSES, ENDINGS));

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

/** Messages that are not those of the place that they were given at. */
function misplacedOf({ out, places }: RoomModel): string[] {
  return out.flatMap(({ epoch, offset, message }) =>
    message?.offset === undefined || places.get(`${epoch}:${offset}`) === message.id
      ? []
      : [`${message.id} at ${epoch}:${offset}`],
  );
}

const playing = (list: readonly Act[], echo: boolean, check: (model: RoomModel) => void): void => {
  const model = play(list, echo);
  const seen = messagesOf(model).filter(numbered);
  // Of whatever happened, this holds.
  expect(new Set(seen).size).toBe(seen.length);
  expect(model.sequencer.waiting()).toBe(0);
  check(model);
};

describe('the order of a room', () => {
  it('has every message once and in order, own ones included, over any number of reconnects', () => {
    fc.assert(
      fc.property(withoutLoss, fc.boolean(), (list, echo) => {
        playing(list, echo, (model) => {
          expect(messagesOf(model).filter(numbered)).toEqual(model.accepted.map(({ id }) => id));
          expect(model.lost).toEqual([]);
        });
      }),
      { numRuns: RUNS },
    );
  });

  it('has every message once and in order but those that it says are lost', () => {
    fc.assert(
      fc.property(
        acts.map((list) => without(list, ENDINGS)),
        fc.boolean(),
        (list, echo) => {
          playing(list, echo, (model) => {
            const seen = messagesOf(model).filter(numbered);
            const order = new Map(model.accepted.map(({ id }, index) => [id, index]));
            expect(seen.map((id) => order.get(id))).toEqual(
              seen.map((id) => order.get(id)).toSorted((a, b) => Number(a) - Number(b)),
            );
            expect(seen.length === model.accepted.length || model.lost.length > 0).toBe(true);
            expect(breaksOf(model)).toEqual([]);
          });
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('has every message of a history that lost its end once, those published again included', () => {
    fc.assert(
      fc.property(
        acts.map((list) => without(list, LOSSES)),
        fc.boolean(),
        (list, echo) => {
          playing(list, echo, (model) => {
            expect(messagesOf(model)).toEqual(expect.arrayContaining(model.history()));
            expect(misplacedOf(model)).toEqual([]);
          });
        },
      ),
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

describe('a message that the server repeats', () => {
  it('is never reported of a server that keeps its promise', () => {
    fc.assert(
      fc.property(acts, fc.boolean(), (list, echo) => {
        playing(list, echo, (model) => {
          expect(model.repeated).toEqual([]);
          expect(misplacedOf(model)).toEqual([]);
        });
      }),
      { numRuns: RUNS },
    );
  });

  it('is not given a second time, whatever else happens', () => {
    fc.assert(
      fc.property(actsOf([...ACTS, ...FAULTS]), fc.boolean(), (list, echo) => {
        playing(list, echo, (model) => {
          const faults = new Set(model.faults);
          expect(model.repeated.filter(({ id }) => !faults.has(id))).toEqual([]);
        });
      }),
      { numRuns: RUNS },
    );
  });

  it('is reported each time, and keeps no other message from being given', () => {
    fc.assert(
      fc.property(
        actsOf([...ACTS, ...FAULTS]).map((list) => without(list, LOSSES, ENDINGS)),
        fc.boolean(),
        (list, echo) => {
          playing(list, echo, (model) => {
            expect(messagesOf(model).filter(numbered)).toEqual(model.accepted.map(({ id }) => id));
            const [faults, repeated] = [model.faults.length, model.repeated.length];
            model.sendAllAgain();
            model.settle();
            expect(model.repeated.slice(repeated).map(({ id }) => id)).toEqual(model.faults.slice(faults));
            expect(messagesOf(model).filter(numbered)).toHaveLength(model.accepted.length);
          });
        },
      ),
      { numRuns: RUNS },
    );
  });
});

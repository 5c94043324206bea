import type { Leg } from '../../../src/broker/redis/replies.js';
import { Subscription } from '../../../src/broker/redis/subscriber.js';

function subscriptionIn(...legs: readonly (readonly [epoch: string, base: number])[]): Subscription {
  const subscription = new Subscription('r', 'channel');
  for (const [epoch, base] of legs) subscription.enter(leg(epoch, base));
  return subscription;
}

/** Epochs begin in the order of the alphabet: their names end with the time. */
function leg(epoch: string, base: number, isLossy = false): Leg {
  return { epoch: `${epoch}.${epoch.codePointAt(0)}`, base, isLossy };
}

const epochsOf = ({ legs }: Subscription): string[] => legs.map(({ epoch, base }) => `${epoch[0]}@${base}`);

describe('the epochs that a subscription records', () => {
  it('keep their order', () => {
    expect(epochsOf(subscriptionIn(['a', 0], ['b', 15], ['c', 40]))).toEqual(['a@0', 'b@15', 'c@40']);
  });

  it('exclude those that began after the offset from which a new epoch continues', () => {
    expect(epochsOf(subscriptionIn(['a', 0], ['b', 15], ['c', 12]))).toEqual(['a@0', 'c@12']);
  });

  it('keep a newer epoch when a late reply names an older one', () => {
    expect(epochsOf(subscriptionIn(['a', 0], ['b', 15], ['a', 0]))).toEqual(['a@0', 'b@15']);
    expect(epochsOf(subscriptionIn(['b', 15], ['a', 0]))).toEqual(['a@0', 'b@15']);
  });

  it('exclude one that a later epoch shows to be lost', () => {
    expect(epochsOf(subscriptionIn(['a', 0], ['c', 12], ['b', 15]))).toEqual(['a@0', 'c@12']);
  });

  it('take the earliest start that is known of the present epoch', () => {
    expect(epochsOf(subscriptionIn(['a', 0], ['b', 17], ['b', 15]))).toEqual(['a@0', 'b@15']);
  });

  it('say that an epoch without messages can be lost if it began with a loss', () => {
    const subscription = subscriptionIn(['a', 0]);
    subscription.reach('b.98', 3, 3);
    expect(subscription.seen).toEqual({ epoch: 'b.98', offset: 3, canBeLost: false });
    subscription.enter(leg('b', 3, true));
    expect(subscription.seen).toEqual({ epoch: 'b.98', offset: 3, canBeLost: true });
    subscription.enter(leg('c', 3, true));
    subscription.reach('c.99', 3, 3);
    expect(subscription.seen).toEqual({ epoch: 'c.99', offset: 3, canBeLost: true });
  });

  it('tell the epoch of an offset', () => {
    const subscription = subscriptionIn(['a', 3], ['b', 15]);
    expect([3, 4, 15, 16].map((offset) => subscription.epochOf(offset))).toEqual([undefined, 'a.97', 'a.97', 'b.98']);
  });
});

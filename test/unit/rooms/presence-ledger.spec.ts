import * as fc from 'fast-check';

import { PresenceLedger } from '../../../src/rooms/presence-ledger.js';

const GRACE_MS = 100;

const nothing = { joined: [], left: [], pending: false };
const alice = { userId: 'alice', clientId: 'a1' };

function ledgerWithAlice(): PresenceLedger {
  const ledger = new PresenceLedger(GRACE_MS);
  ledger.joined('alice', 'a1');
  expect(ledger.settle(0)).toEqual({ ...nothing, joined: [{ member: alice }] });
  return ledger;
}

describe('the ledger of a room', () => {
  it('tells each coming once', () => {
    expect(ledgerWithAlice().settle(1)).toEqual(nothing);
  });

  it('tells a going when the grace is over', () => {
    const ledger = ledgerWithAlice();
    ledger.left('alice', 'a1', 1000);
    expect(ledger.settle(1000 + GRACE_MS - 1)).toEqual({ ...nothing, pending: true });
    expect(ledger.settle(1000 + GRACE_MS)).toEqual({ ...nothing, left: [{ member: alice }] });
    expect(ledger.settle(5000)).toEqual(nothing);
  });

  it('tells nothing of who is back within the grace', () => {
    const ledger = ledgerWithAlice();
    ledger.left('alice', 'a1', 1000);
    ledger.joined('alice', 'a2');
    expect(ledger.settle(1000 + 2 * GRACE_MS)).toEqual(nothing);
  });

  it('begins the grace anew each time', () => {
    const ledger = ledgerWithAlice();
    ledger.left('alice', 'a1', 1000);
    ledger.joined('alice', 'a2');
    ledger.left('alice', 'a2', 1080);
    expect(ledger.settle(1000 + GRACE_MS)).toEqual({ ...nothing, pending: true });
    // By the connection that the others know.
    expect(ledger.settle(1080 + GRACE_MS)).toEqual({ ...nothing, left: [{ member: alice }] });
  });

  it('knows a user by the first of its connections, and as there until the last one goes', () => {
    const ledger = ledgerWithAlice();
    ledger.joined('alice', 'a2');
    ledger.left('alice', 'a1', 1000);
    expect(ledger.settle(1000 + 2 * GRACE_MS)).toEqual(nothing);
    ledger.left('alice', 'a2', 2000);
    expect(ledger.settle(2000 + GRACE_MS).left).toEqual([{ member: alice }]);
  });

  it('says nothing of who was gone before anybody was told, and waits for nothing', () => {
    const ledger = new PresenceLedger(GRACE_MS);
    ledger.joined('alice', 'a1');
    ledger.left('alice', 'a1', 0);
    expect(ledger.settle(0)).toEqual(nothing);
  });

  it('tells of who is back those alone who looked meanwhile, once', () => {
    const ledger = ledgerWithAlice();
    ledger.left('alice', 'a1', 1000);
    expect(ledger.looked('w1', new Set())).toBe(true);
    expect(ledger.settle(1010)).toEqual({ ...nothing, pending: true });
    ledger.joined('alice', 'a2');
    expect(ledger.settle(1020)).toEqual({ ...nothing, joined: [{ member: alice, only: new Set(['w1']) }] });
    ledger.left('alice', 'a2', 1030);
    expect(ledger.settle(1030 + GRACE_MS)).toEqual({ ...nothing, left: [{ member: alice }] });
  });

  it('does not tell those who looked meanwhile that somebody is gone whom they never saw', () => {
    const ledger = ledgerWithAlice();
    ledger.left('alice', 'a1', 1000);
    ledger.looked('w1', new Set());
    expect(ledger.settle(1000 + GRACE_MS)).toEqual({ ...nothing, left: [{ member: alice, except: new Set(['w1']) }] });
  });

  it('tells those who looked too early of who is here already', () => {
    const ledger = ledgerWithAlice();
    expect(ledger.looked('w1', new Set())).toBe(true);
    expect(ledger.settle(0)).toEqual({ ...nothing, joined: [{ member: alice, only: new Set(['w1']) }] });
    expect(ledger.looked('w1', new Set(['alice']))).toBe(false);
    expect(ledger.settle(0)).toEqual(nothing);
  });

  it('tells those who looked twice nothing where the second look saw it', () => {
    const ledger = ledgerWithAlice();
    ledger.left('alice', 'a1', 1000);
    ledger.looked('w1', new Set());
    ledger.joined('alice', 'a2');
    expect(ledger.looked('w1', new Set(['alice']))).toBe(false);
    expect(ledger.settle(1010)).toEqual(nothing);
  });

  it('takes no going of who is not there', () => {
    const ledger = ledgerWithAlice();
    ledger.left('bob', 'b1', 0);
    ledger.left('alice', 'another', 0);
    expect(ledger.settle(2 * GRACE_MS)).toEqual(nothing);
  });
});

describe('whatever comes and goes', () => {
  const step = fc.record({
    user: fc.constantFrom('alice', 'bob'),
    connection: fc.integer({ min: 1, max: 3 }),
    kind: fc.constantFrom('join', 'leave', 'settle'),
    waitMs: fc.nat(GRACE_MS),
  });

  it('what members were told is who is there, once it is quiet', () => {
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const ledger = new PresenceLedger(GRACE_MS);
        const there = new Map([
          ['alice', new Set<string>()],
          ['bob', new Set<string>()],
        ]);
        const told = new Map<string, string>();
        let now = 0;
        const settle = (): boolean => {
          const { joined, left, pending } = ledger.settle(now);
          for (const { member, only } of joined) {
            expect(only).toBeUndefined();
            const { userId, clientId } = member;
            expect(told.has(userId)).toBe(false);
            told.set(userId, clientId);
          }
          for (const { member } of left) {
            const { userId, clientId } = member;
            expect(there.get(userId)?.size).toBe(0);
            expect(told.get(userId)).toBe(clientId);
            told.delete(userId);
          }
          return pending;
        };
        for (const { user, connection, kind, waitMs } of steps) {
          now += waitMs;
          const id = `${user}-${connection}`;
          const connections = there.get(user);
          if (kind === 'settle') settle();
          else if (kind === 'join') {
            connections?.add(id);
            ledger.joined(user, id);
          } else if (connections?.delete(id)) ledger.left(user, id, now);
        }
        now += GRACE_MS;
        expect(settle()).toBe(false);
        for (const [user, connections] of there) expect(told.has(user)).toBe(connections.size > 0);
      }),
      { numRuns: 1000 },
    );
  });
});

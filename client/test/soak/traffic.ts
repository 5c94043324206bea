import { setTimeout as delay } from 'node:timers/promises';

import { eventually } from '../../../test/support/eventually.js';
import type { Member } from './member.js';

/** Between two messages of one member. */
const BETWEEN_MESSAGES_MS = 400;

async function publishUntil(isOver: () => boolean, member: Member): Promise<void> {
  for (let n = 0; !isOver(); n += 1) {
    member.publish(n);
    await delay(BETWEEN_MESSAGES_MS * (0.5 + Math.random()));
  }
  await member.settled();
}

/** Has all members publish for as long as something is going on; resolves when all of it is acknowledged. */
export async function publishDuring<T>(members: readonly Member[], goingOn: () => Promise<T>): Promise<T> {
  let isOver = false;
  const publishing = members.map((member) => publishUntil(() => isOver, member));
  try {
    return await goingOn();
  } finally {
    isOver = true;
    await Promise.all(publishing);
  }
}

/** Resolves when every member has a connection. */
export async function allConnected(members: readonly Member[]): Promise<void> {
  await eventually(
    () => members.filter(({ isConnected }) => !isConnected).length,
    (away) => away === 0,
  );
}

/** Resolves when a member has seen this message, or it is too late for that. */
export async function hasSeen(member: Member, id: string | undefined): Promise<void> {
  const isThere = (): boolean => member.seen.some((entry) => entry.kind === 'message' && entry.id === id);
  await eventually(isThere, Boolean).catch(() => undefined);
}

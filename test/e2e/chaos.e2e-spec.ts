import { READERS, play } from '../chaos/play.js';
import { startApplication } from '../support/application.js';
import { LaterBroker } from '../support/later.broker.js';
import { startServer } from '../support/server.js';
import { SMALL_OUTBOX } from '../support/stalled.js';

/** `npm run test:soak` plays more. */
const MESSAGES = Number(process.env['CHAOS_MESSAGES'] ?? 4000);
const SEED = Number(process.env['CHAOS_SEED'] ?? 1);
const PATIENCE_MS = 1_800_000;

describe('clients that vanish, stall, repeat themselves and come back', () => {
  it(
    'get every message of 50 rooms once and in order',
    async () => {
      const server = await startServer({ ...SMALL_OUTBOX, historySize: MESSAGES, historyMaxBytes: 0 });
      const outcome = await play(server, MESSAGES, SEED);
      expect(outcome.violations.slice(0, 20)).toEqual([]);
      expect(outcome.announced).toBe(0);
      // It was chaos enough.
      expect(outcome.connects).toBeGreaterThan(50);
      expect(outcome.overflows).toBeGreaterThan(0);
      expect(outcome.deliveries).toBeGreaterThan(MESSAGES * READERS);
    },
    PATIENCE_MS,
  );

  it(
    'are told of every message that history could not keep for them, on a broker that answers later',
    async () => {
      const options = { ...SMALL_OUTBOX, historySize: 50 };
      const server = await startApplication({ options, overrides: { broker: LaterBroker } });
      const outcome = await play(server, MESSAGES, SEED + 1);
      expect(outcome.violations.slice(0, 20)).toEqual([]);
      expect(outcome.announced).toBeGreaterThan(0);
      expect(outcome.overflows).toBeGreaterThan(0);
      expect(outcome.deliveries).toBeGreaterThan(MESSAGES);
    },
    PATIENCE_MS,
  );
});

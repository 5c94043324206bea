import * as fc from 'fast-check';

import { play } from '../../simulation/run.js';
import { schedules } from '../../simulation/schedule.js';

/** `npm run test:soak` asks for more. */
const RUNS = Number(process.env['SOAK_RUNS'] ?? 500);
const STEPS = Number(process.env['SOAK_STEPS'] ?? 60);

describe('members of rooms', () => {
  it('get every message once and in order, or are told what is lost, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(schedules(STEPS), async (schedule) => {
        expect(await play(schedule)).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  }, 3_600_000);
});

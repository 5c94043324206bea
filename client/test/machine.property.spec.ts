import { INITIAL, STABLE_MS, step, type MachineEvent, type MachineState } from '../src/machine.js';
import { need } from './support/counterexample.js';
import { run, violation } from './support/played.js';

/** The timer is over. */
const look = (from: MachineState, silentMs: number, answered: boolean, graceMs = -1): ReturnType<typeof step> =>
  run(from, { type: 'timer', silentMs, answered, graceMs });

describe('the state machine of a connection', () => {
  it('never has two sockets, and none but while it opens or has a connection', () => {
    const found = violation((played) => {
      let open: number | undefined;
      for (const { effects, after } of played) {
        if (effects.release !== undefined) open = undefined;
        if (effects.act === 'open') {
          need(open === undefined, 'two sockets');
          open = after.attempt;
        }
        const holds = after.phase === 'opening' || after.phase === 'connected';
        need(open === (holds ? after.attempt : undefined), 'a socket too many or too few');
      }
    });
    expect(found).toBeUndefined();
  });

  it('does nothing after it was closed until it is told to connect', () => {
    const found = violation((played) => {
      for (const { before, event, after, effects } of played) {
        if (before.phase !== 'closed' || event.type === 'connect') continue;
        need(after === before && Object.keys(effects).length === 0, 'it does something');
      }
    });
    expect(found).toBeUndefined();
  });

  it('is deaf to what happens to an attempt that is over', () => {
    const found = violation((played) => {
      for (const { before, event, after, effects } of played) {
        if (event.attempt === undefined || event.attempt === before.attempt) continue;
        need(after === before && Object.keys(effects).length === 0, 'it hears');
      }
    });
    expect(found).toBeUndefined();
  });

  it('never comes back by itself from what says that there is no use', () => {
    const found = violation((played, { renewable }) => {
      for (const { before, event, after } of played) {
        if (event.type !== 'ended' || event.attempt !== before.attempt) continue;
        if (before.phase === 'waiting' || before.phase === 'closed') continue;
        const fatal = event.code === 4403 || event.status === 403 || event.status === 431;
        const refused = event.code === 4401 || event.status === 401;
        const isLast = refused && before.renewed && event.livedMs < STABLE_MS;
        need(!(fatal || (refused && !renewable)) || after.phase === 'closed', 'it is not closed');
        need(!isLast || after.phase !== 'opening', 'it hammers');
      }
    });
    expect(found).toBeUndefined();
  });

  it('gets connected from wherever it is, once the server is there', () => {
    const found = violation((played, settings) => {
      let state = played.at(-1)?.after ?? INITIAL;
      if (state.phase === 'closed') state = step(state, { type: 'connect' }, settings, 0).state;
      for (let turn = 0; turn < 10 && state.phase !== 'connected'; turn += 1) {
        const { attempt } = state;
        const next: MachineEvent =
          state.phase === 'waiting'
            ? { type: 'timer', silentMs: 0, answered: true, graceMs: 0 }
            : { type: 'connected', attempt, heartbeatMs: 1 };
        state = step(state, next, settings, 0).state;
      }
      need(state.phase === 'connected', 'it does not');
    });
    expect(found).toBeUndefined();
  });

  it('always has something coming: a timer, unless there is no bound to what it waits for', () => {
    const found = violation((played, { connectTimeoutMs, livenessMs }) => {
      let timer = 0;
      for (const { effects, after } of played) {
        timer = effects.timerMs ?? timer;
        const isTrying = after.phase === 'opening';
        need(after.phase !== 'waiting' || timer > 0, 'it waits for ever');
        need(!isTrying || timer === connectTimeoutMs, 'no patience, or too much');
        need(after.phase !== 'connected' || livenessMs === 0 || timer > 0, 'it does not look');
        need(after.phase !== 'closed' || timer === 0, 'it is not quiet');
      }
    });
    expect(found).toBeUndefined();
  });

  it('asks a silent server for a sign of life, and drops it when there is none', () => {
    let { state } = run(INITIAL, { type: 'connect' });
    ({ state } = run(state, { type: 'connected', attempt: 1, heartbeatMs: 30_000 }));
    const busy = look(state, 100, false);
    expect(busy.effects).toEqual({ timerMs: 29_900 });
    const asked = look(busy.state, 30_000, false);
    expect(asked.effects).toEqual({ act: 'ping', timerMs: 5000 });
    // However soon the answer came, and however late the timer is.
    const answered = look(asked.state, 6000, true);
    expect(answered).toMatchObject({ state: { phase: 'connected', asked: false }, effects: { timerMs: 24_000 } });
    const excused = look(asked.state, 35_000, false, 700);
    expect(excused.effects).toEqual({ timerMs: 700 });
    const silent = look(excused.state, 35_700, false);
    expect(silent).toMatchObject({ state: { phase: 'waiting' }, effects: { release: 'drop' } });
  });
});

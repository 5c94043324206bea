import { Crowd } from '../failover/crowd.js';
import { FailoverNode } from '../failover/failover-node.js';
import { Faults, type Repertoire } from '../failover/faults.js';
import { Ledger } from '../failover/ledger.js';
import { details, storyLine, tableLine } from '../failover/report.js';
import { DumpStorage, SentinelStorage } from '../failover/storage.js';
import { FAULTS, judge, withoutTakenAgain, type Column } from '../failover/verdict.js';
import { Seeded } from '../support/seeded.js';

/** `npm run test:soak` takes longer, and plays all rows. */
const SOAK_SECONDS = process.env['FAILOVER_SECONDS'];
const SECONDS = Number(SOAK_SECONDS ?? 8);
const SEED = Number(process.env['FAILOVER_SEED'] ?? 1);
const NODES = 3;
const NO_FAULT = Object.fromEntries(FAULTS.map((column) => [column, 0]));
/** An older file also lacks messages that no client heard of: their loss is announced, and cannot be seen from outside. */
const FAULTS_OF_DUMPS = FAULTS.filter((column) => column !== 'announcedForNothing');

const ROWS: readonly (readonly [name: string, repertoire: Repertoire])[] = [
  ['SENTINEL FAILOVER alone', { storage: ['fail over'], nodes: [] }],
  ['a killed master and killed nodes', { storage: ['kill master'], nodes: ['kill'] }],
  ['SENTINEL FAILOVER across stopped nodes', { storage: ['fail over'], nodes: ['stop'] }],
  ['SENTINEL FAILOVER and killed nodes', { storage: ['fail over'], nodes: ['kill'] }],
  ['a stopped master and stopped nodes', { storage: ['stop master'], nodes: ['stop'] }],
  ['a stopped master and killed nodes', { storage: ['stop master'], nodes: ['kill'] }],
  ['all faults of sentinels', { storage: ['fail over', 'kill master', 'stop master'], nodes: ['kill', 'stop'] }],
  ['a Redis that starts from an older dump', { storage: ['go back'], nodes: ['kill', 'stop'] }],
];

/** The row that has a little of everything. */
const SHORT: typeof ROWS = ROWS.filter(([name]) => name === 'all faults of sentinels');

function only(columns: readonly Column[], all: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(columns.map((column) => [column, all[column] ?? 0]));
}

describe('Members get each message once and in one order, or hear of a loss', () => {
  it.each(SOAK_SECONDS === undefined ? SHORT : ROWS)(
    'with %s',
    async (name, repertoire) => {
      const storage = await (repertoire.storage.includes('go back') ? DumpStorage : SentinelStorage).start();
      const nodes = Array.from({ length: NODES }, (_, n) => new FailoverNode(`n${n}`, storage.settings));
      await Promise.all(nodes.map((node) => node.start()));
      for (const node of nodes) await node.ready();
      const ledger = new Ledger();
      const crowd = new Crowd(nodes, ledger, new Seeded(SEED + 1));
      await crowd.begin();
      const faults = new Faults({ storage, nodes }, repertoire, new Seeded(SEED), ledger);
      await faults.play(ledger.clock() + SECONDS * 1000);
      for (const node of nodes) await node.ready();
      const rest = await crowd.end();
      const records = await crowd.records();
      const verdict = judge(records);
      crowd.stop();
      process.stdout.write(`${tableLine(`${name} (seed ${SEED})`, { ...verdict.columns, ...rest })}\n`);
      const others = judge(records.map(withoutTakenAgain));
      process.stdout.write(`${tableLine('  without messages that were taken again', only(FAULTS, others.columns))}\n`);
      process.stdout.write(
        `${storyLine(ledger.story)}\n${details(verdict, [...FAULTS, 'jumps'], ledger.story)}\n${details(others, FAULTS, ledger.story)}\n`,
      );
      for (const { name: node, lastWords } of nodes) process.stdout.write(`${node} said: ${lastWords.join(' | ')}\n`);
      // If all who knew of a message are killed with it, its id is accepted again: PROTOCOL.md says so.
      const columns = repertoire.storage.includes('go back') ? FAULTS_OF_DUMPS : FAULTS;
      expect({ seed: SEED, ...only(columns, others.columns) }).toEqual({ seed: SEED, ...only(columns, NO_FAULT) });
    },
    SECONDS * 1000 + 180_000,
  );
});

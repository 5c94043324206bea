import { ACKNOWLEDGE } from './acknowledge.lua.js';
import { ACKNOWLEDGED } from './acknowledged.lua.js';
import { COLLECT } from './collect.lua.js';
import { COMPARE } from './compare.lua.js';
import { COUNT } from './count.lua.js';
import { DEPOSIT } from './deposit.lua.js';
import { HISTORY } from './history.lua.js';
import { POSITIONS } from './positions.lua.js';
import { PROBE } from './probe.lua.js';
import { PUBLISH } from './publish.lua.js';
import { RECOUNT } from './recount.lua.js';
import { RESTORE } from './restore.lua.js';

/** The operations that Redis does as one step, by the name under which the client calls them. */
export const SCRIPTS = {
  rookeryAcknowledge: ACKNOWLEDGE,
  rookeryAcknowledged: ACKNOWLEDGED,
  rookeryCollect: COLLECT,
  rookeryCompare: COMPARE,
  rookeryCount: COUNT,
  rookeryDeposit: DEPOSIT,
  rookeryHistory: HISTORY,
  rookeryPositions: POSITIONS,
  rookeryProbe: PROBE,
  rookeryPublish: PUBLISH,
  rookeryRecount: RECOUNT,
  rookeryRestore: RESTORE,
} as const;

export type ScriptName = keyof typeof SCRIPTS;

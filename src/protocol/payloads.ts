import { MAX_ID_LENGTH } from './envelope.js';
import { ProtocolError } from './errors.js';
import {
  LAST_ACKNOWLEDGED,
  type BroadcastPayload,
  type HistoryPayload,
  type JoinPayload,
  type PublishPayload,
  type ReceiptPayload,
  type RefreshPayload,
  type UserMessagePayload,
} from './messages.js';
import { MAX_EPOCH_LENGTH, type Position } from './position.js';
import { EVERYBODY, MAX_USER_ID_LENGTH, isPrintable, parseRoomName } from './room-name.js';

/**
 * Payloads are checked by hand rather than by decorators: this is on the way of every message, and the protocol must
 * compile into a client. Each function returns what it checked, with nothing else on it, or throws `INVALID_PAYLOAD`
 * or `ROOM_NAME_INVALID` with the field and the rule.
 */
type Fields = Readonly<Record<string, unknown>>;

/** Deepest nesting of `data`: deeper ones overflow the stacks of JSON readers that recurse, ours and the members'. */
export const MAX_DATA_DEPTH = 100;

/** Longest time that a publisher may wait for its members' acknowledgements. */
const MAX_CONFIRM_MS = 60_000;
/** Rooms that one `join` may ask for. */
const MAX_ROOMS_OF_A_JOIN = 1000;
const MAX_TOKEN_LENGTH = 16_384;

function invalid(field: string, rule: string): ProtocolError {
  return new ProtocolError('INVALID_PAYLOAD', { field, rule });
}

function fieldsOf(value: unknown, name = 'payload'): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(name, 'must be an object');
  return value as Fields;
}

const TOO_DEEP = `must not nest deeper than ${MAX_DATA_DEPTH} levels`;
/** `JSON.parse` reads such a number as `Infinity`, which `JSON.stringify` writes as `null`. */
const OUT_OF_RANGE = 'must not hold numbers outside the range of a double (IEEE 754)';
type Fault = typeof TOO_DEEP | typeof OUT_OF_RANGE;

/** True for a value that nests deeper than so many levels; looks no deeper than that itself. */
export function deeperThan(value: unknown, levels: number): boolean {
  return faultIn(value, levels) === TOO_DEEP;
}

/** Returns the rule that a value breaks, the first of the two before the second, in one walk: every message has it. */
function faultIn(value: unknown, levels: number): Fault | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : OUT_OF_RANGE;
  if (typeof value !== 'object' || value === null) return undefined;
  if (levels === 0) return TOO_DEEP;
  let found: Fault | undefined;
  // Arrays apart: for…in makes a string of every index, which a long array of numbers would pay for.
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) {
      // Without a call for each of many numbers.
      if (typeof item === 'number' && Number.isFinite(item)) continue;
      const fault = faultIn(item, levels - 1);
      if (fault === TOO_DEEP) return fault;
      found ??= fault;
    }
    return found;
  }
  for (const key in value) {
    const fault = faultIn((value as Fields)[key], levels - 1);
    if (fault === TOO_DEEP) return fault;
    found ??= fault;
  }
  return found;
}

function parseData(fields: Fields): unknown {
  const data = fields['data'];
  if (data === undefined) throw invalid('data', 'is required');
  const fault = faultIn(data, MAX_DATA_DEPTH);
  if (fault !== undefined) throw invalid('data', fault);
  return data;
}

function parseId(fields: Fields): { id?: string } {
  const id = fields['id'];
  if (id === undefined) return {};
  if (!isPrintable(id, MAX_ID_LENGTH)) throw invalid('id', `must be a string of 1 to ${MAX_ID_LENGTH} characters`);
  return { id };
}

/** @param path where the two fields stand in the payload: `recover.` for instance */
function parsePosition(value: unknown, path: string): Position {
  const { epoch, offset } = (typeof value === 'object' && value !== null ? value : {}) as Fields;
  if (!isPrintable(epoch, MAX_EPOCH_LENGTH)) throw invalid(`${path}epoch`, 'must be an epoch that the server gave');
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) {
    throw invalid(`${path}offset`, 'must be a whole number, 0 or more');
  }
  return { epoch, offset };
}

/** Payload of `leave` and `presence`: a room's name, by itself or as `{room}`. */
export function parseRoomRef(payload: unknown): string {
  return parseRoomName(typeof payload === 'string' ? payload : fieldsOf(payload)['room']);
}

/** What a `join` asks for: one room or many. Of many, each entry that breaks a rule fails by itself. */
export type JoinRequest = JoinPayload | { readonly rooms: readonly (JoinPayload | ProtocolError)[] };

/** Payload of `join`. */
export function parseJoin(payload: unknown): JoinRequest {
  if (typeof payload === 'string') return { room: parseRoomName(payload) };
  const fields = fieldsOf(payload);
  const { rooms } = fields;
  if (rooms === undefined) return parseJoinFields(fields);
  if (!Array.isArray(rooms) || rooms.length === 0 || rooms.length > MAX_ROOMS_OF_A_JOIN) {
    throw invalid('rooms', `must be a list of 1 to ${MAX_ROOMS_OF_A_JOIN} rooms`);
  }
  return { rooms: rooms.map(parseJoinEntry) };
}

function parseJoinEntry(entry: unknown): JoinPayload | ProtocolError {
  try {
    return typeof entry === 'string' ? { room: parseRoomName(entry) } : parseJoinFields(fieldsOf(entry, 'rooms'));
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

function parseJoinFields(fields: Fields): JoinPayload {
  const room = parseRoomName(fields['room']);
  const recover = fields['recover'];
  if (recover === undefined) return { room };
  return { room, recover: recover === LAST_ACKNOWLEDGED ? recover : parsePosition(recover, 'recover.') };
}

/** Payload of `room:message`. */
export function parsePublish(payload: unknown): PublishPayload {
  const fields = fieldsOf(payload);
  const room = parseRoomName(fields['room']);
  const volatile = fields['volatile'];
  if (volatile !== undefined && typeof volatile !== 'boolean') throw invalid('volatile', 'must be true or false');
  return {
    room,
    data: parseData(fields),
    ...parseId(fields),
    ...(volatile ? { volatile } : {}),
    ...parseConfirm(fields),
  };
}

function parseConfirm({ confirm, volatile }: Fields): Pick<PublishPayload, 'confirm'> {
  if (confirm === undefined) return {};
  if (volatile === true) throw invalid('confirm', 'does not go with volatile: there is no position to acknowledge');
  const { timeoutMs } = fieldsOf(confirm, 'confirm');
  const isTime = typeof timeoutMs === 'number' && timeoutMs >= 1 && timeoutMs <= MAX_CONFIRM_MS;
  if (!isTime) throw invalid('confirm.timeoutMs', `must be a number from 1 to ${MAX_CONFIRM_MS}`);
  return { confirm: { timeoutMs } };
}

/** Payload of `ack` from a member. */
export function parseReceipt(payload: unknown): ReceiptPayload {
  const fields = fieldsOf(payload);
  return { room: parseRoomName(fields['room']), ...parsePosition(fields, '') };
}

/** Payload of `broadcast`; without a room it goes to everybody. */
export function parseBroadcast(payload: unknown): PublishPayload {
  const fields = fieldsOf(payload) as Partial<BroadcastPayload>;
  return parsePublish(fields.room === undefined ? { ...fields, room: EVERYBODY } : fields);
}

/** Payload of `user:message`. */
export function parseUserMessage(payload: unknown): UserMessagePayload {
  const fields = fieldsOf(payload);
  const userId = fields['userId'];
  if (!isPrintable(userId, MAX_USER_ID_LENGTH)) {
    throw invalid('userId', `must be a string of 1 to ${MAX_USER_ID_LENGTH} characters`);
  }
  return { userId, data: parseData(fields), ...parseId(fields) };
}

/** Payload of `history`. */
export function parseHistory(payload: unknown): HistoryPayload {
  const fields = fieldsOf(payload);
  const room = parseRoomName(fields['room']);
  const { after, limit } = fields;
  if (limit !== undefined && !(typeof limit === 'number' && Number.isSafeInteger(limit) && limit > 0)) {
    throw invalid('limit', 'must be a whole number, 1 or more');
  }
  return {
    room,
    ...(after === undefined ? {} : { after: parsePosition(after, 'after.') }),
    ...(limit === undefined ? {} : { limit }),
  };
}

/** Payload of `auth:refresh`. */
export function parseRefresh(payload: unknown): RefreshPayload {
  const token = fieldsOf(payload)['token'];
  if (typeof token !== 'string' || token.length === 0 || token.length > MAX_TOKEN_LENGTH) {
    throw invalid('token', `must be a string of 1 to ${MAX_TOKEN_LENGTH} characters`);
  }
  return { token };
}

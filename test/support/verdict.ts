import { RefusedError, connect } from './client.js';
import type { TestServer } from './server.js';

/** What an upgrade with this token gets: 101, or the status of its refusal. */
export async function verdict(server: TestServer, token: string): Promise<number> {
  try {
    await connect(server, { token });
    return 101;
  } catch (error) {
    if (error instanceof RefusedError) return error.status;
    throw error;
  }
}

import type { Position } from '../../src/index.js';
import { startApplication } from '../support/application.js';
import { connect } from '../support/client.js';
import { LaterBroker } from '../support/later.broker.js';

/** Lets nobody into a room until the test says so. */
class ClosedBroker extends LaterBroker {
  static open: () => void = () => undefined;
  private readonly opened = new Promise<void>((resolve) => (ClosedBroker.open = resolve));

  override async subscribe(room: string): Promise<Position> {
    await this.opened;
    return super.subscribe(room);
  }
}

describe('a server that goes while a connection is being set up', () => {
  it('closes it without a word, since the first one would have to be the greeting', async () => {
    const server = await startApplication({ overrides: { broker: ClosedBroker } });
    const client = await connect(server);
    const stopped = server.stop();
    expect(await client.closed).toMatchObject({ code: 1001 });
    ClosedBroker.open();
    await stopped;
    expect(client.queue).toEqual([]);
  });
});

import { eventually } from './eventually.js';
import { TestRedis, freePort, type RedisSettings } from './redis.js';

/** How long servers may take to agree, on a busy machine. */
const PATIENCE_MS = 120_000;
const MASTERS = 3;
const SLOTS = 16_384;

const CONFIG = {
  'cluster-enabled': 'yes',
  'cluster-node-timeout': '2000',
  // What has no server any more does not keep the rest from being served.
  'cluster-require-full-coverage': 'no',
  // A replica may take over however long it has not heard of its master: tests cut it off.
  'cluster-replica-validity-factor': '0',
  'repl-diskless-sync-delay': '0',
};

/** A Redis Cluster of the test's own: three masters that share the slots, with a replica each where a test wants them. */
export class TestRedisCluster {
  private constructor(
    /** Masters at the start. */
    readonly masters: readonly TestRedis[],
    /** Replicas at the start, in the order of their masters. */
    readonly replicas: readonly TestRedis[],
  ) {}

  /** It has to be removed. */
  static async start({ replicas = false } = {}): Promise<TestRedisCluster> {
    const servers = await startServers(replicas ? 2 * MASTERS : MASTERS);
    const cluster = new TestRedisCluster(servers.slice(0, MASTERS), servers.slice(MASTERS));
    await cluster.form();
    return cluster;
  }

  get servers(): readonly TestRedis[] {
    return [...this.masters, ...this.replicas];
  }

  get url(): string {
    return this.masters[0]?.url ?? '';
  }

  async remove(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.remove()));
  }

  /** The server that owns a slot, as the first one that answers knows it. */
  async ownerOf(slot: number): Promise<TestRedis> {
    for (const server of this.servers) {
      const ranges = await server.command('CLUSTER', 'SLOTS').catch(() => undefined);
      if (ranges === undefined) continue;
      const range = (ranges as [number, number, [string, number]][]).find(
        ([first, last]) => first <= slot && slot <= last,
      );
      const owner = this.servers.find(({ port }) => port === range?.[2][1]);
      if (owner !== undefined) return owner;
    }
    throw new Error(`nobody owns slot ${slot}`);
  }

  /** Returns the replica that follows a master. */
  async replicaOf(master: TestRedis): Promise<TestRedis> {
    const id = await idOf(master);
    for (const server of this.servers) {
      const nodes = String(await server.command('CLUSTER', 'NODES'));
      if (nodes.split('\n').some((line) => line.includes('myself,slave') && line.includes(id))) return server;
    }
    throw new Error(`no replica of ${master.port}`);
  }

  /** Waits until all servers that are asked see all slots served. */
  async settled(servers: readonly TestRedis[] = this.servers): Promise<void> {
    for (const server of servers) {
      await eventually(
        async () => String(await server.command('CLUSTER', 'INFO').catch(String)),
        (info) => info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${this.servers.length}`),
        PATIENCE_MS,
      );
    }
  }

  /**
   * Moves a slot as `redis-cli --cluster reshard` does: key by key, while both servers serve it.
   *
   * @param meanwhile called when a part of the keys has moved
   */
  async move(slot: number, to: TestRedis, meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const from = await this.ownerOf(slot);
    const [source, target] = [await idOf(from), await idOf(to)];
    await to.command('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', source);
    await from.command('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', target);
    const next = async (): Promise<string[]> =>
      (await from.command('CLUSTER', 'GETKEYSINSLOT', String(slot), '1')) as string[];
    let moved = 0;
    for (let keys = await next(); keys.length > 0; keys = await next()) {
      await from.command('MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...keys);
      if ((moved += 1) === 1) await meanwhile();
    }
    // Some are told twice, as happens to whoever repairs by hand: each time they end what is subscribed there.
    for (const server of [to, from, ...this.masters]) {
      await server.command('CLUSTER', 'SETSLOT', String(slot), 'NODE', target);
    }
  }

  private async form(): Promise<void> {
    const [first, ...others] = this.servers;
    if (first === undefined) throw new Error('no server');
    const share = Math.ceil(SLOTS / MASTERS);
    for (const [index, master] of this.masters.entries()) {
      const end = Math.min(SLOTS, (index + 1) * share) - 1;
      await master.command('CLUSTER', 'ADDSLOTSRANGE', String(index * share), String(end));
    }
    for (const { port, settings } of others) {
      await first.command('CLUSTER', 'MEET', '127.0.0.1', String(port), settings.config?.['cluster-port'] ?? '');
    }
    await this.settled();
    for (const [index, replica] of this.replicas.entries()) {
      const master = this.masters[index];
      if (master !== undefined) await replica.command('CLUSTER', 'REPLICATE', await idOf(master));
    }
    for (const replica of this.replicas) await inSync(replica);
  }
}

/** Lets a server's replicas have nothing more of it. */
export async function stopReplication(master: TestRedis): Promise<void> {
  await master.command('ACL', 'SETUSER', 'default', '-psync', '-sync');
  await master.command('CLIENT', 'KILL', 'TYPE', 'replica');
}

/** Resolves when a replica has all that its master had. */
export async function inSync(replica: TestRedis): Promise<void> {
  await eventually(
    async () => String(await replica.command('INFO', 'replication')),
    (info) => info.includes('master_link_status:up'),
    PATIENCE_MS,
  );
}

async function idOf(server: TestRedis): Promise<string> {
  return String(await server.command('CLUSTER', 'MYID'));
}

async function startServers(count: number): Promise<TestRedis[]> {
  const settings: RedisSettings[] = [];
  for (let n = 0; n < count; n += 1) settings.push({ config: { ...CONFIG, 'cluster-port': String(await freePort()) } });
  return Promise.all(settings.map((each) => TestRedis.start(each)));
}

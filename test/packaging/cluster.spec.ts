import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';

import { optionsFromEnvironment } from '../../src/config/environment.js';
import { resolveOptions } from '../../src/config/resolve-options.js';
import { startServer } from '../support/server.js';
import { PROJECT } from '../support/project.js';

interface Service {
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly command?: readonly string[];
  readonly healthcheck: { readonly test: readonly string[] };
  readonly ports?: readonly string[];
  readonly deploy?: { readonly replicas: number };
  readonly stop_grace_period?: string;
}

const read = (name: string): string => readFileSync(join(PROJECT, name), 'utf8');

function servicesOf(name: string): Readonly<Record<string, Service>> {
  // Only JSON's parser gives a value that may be given a type; the tests then find what is not as the type says.
  const { services }: { readonly services: Record<string, Service> } = JSON.parse(JSON.stringify(load(read(name))));
  return services;
}

const services = servicesOf('docker-compose.cluster.yml');
const { balancer, rookery, redis } = services;
const settings = Object.fromEntries(
  Object.entries(rookery?.environment ?? {}).map(([name, value]) => [name, String(value)]),
);
const options = resolveOptions(optionsFromEnvironment({ ...settings, NODE_ENV: 'production' }));

/** The lines of haproxy.cfg, without comments, by the section that they stand in. */
function sectionsOf(text: string): ReadonlyMap<string, readonly string[]> {
  const sections = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of text.split('\n').filter((candidate) => !/^\s*(#|$)/.test(candidate))) {
    if (/^\s/.test(line)) lines.push(line.trim());
    else sections.set(line, (lines = []));
  }
  return sections;
}

const proxy = sectionsOf(read('deploy/haproxy.cfg'));
const linesOf = (section: string): readonly string[] => proxy.get(section) ?? [];

describe('docker-compose.cluster.yml', () => {
  it('has a balancer, nodes and Redis, each confined and with a health check', () => {
    expect(Object.keys(services).toSorted()).toStrictEqual(['balancer', 'redis', 'rookery']);
    for (const service of Object.values(services)) {
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        healthcheck: { test: expect.arrayContaining(['CMD']) },
      });
    }
  });

  it('shows the world the balancer only', () => {
    const shown = Object.entries(services).filter(([, { ports }]) => ports !== undefined);
    expect(shown.map(([name, { ports }]) => [name, ports])).toStrictEqual([['balancer', ['${PORT:-3000}:8080']]]);
    expect(linesOf('frontend public')).toContain('bind :8080');
  });

  it('runs two nodes that are one server', () => {
    expect(rookery?.deploy?.replicas).toBe(2);
    expect(new URL(options.redisUrl ?? '')).toMatchObject({ hostname: 'redis', port: '6379' });
  });

  it('runs the node as docker-compose.yml does', () => {
    const { rookery: single } = servicesOf('docker-compose.yml');
    expect(rookery?.healthcheck).toStrictEqual(single?.healthcheck);
    expect(rookery?.stop_grace_period).toBe(single?.stop_grace_period);
    expect(rookery?.environment).toMatchObject(single?.environment ?? {});
  });

  it('keeps what Redis holds, and has it refuse when it is full', () => {
    const command = redis?.command?.join(' ');
    expect(command).toMatch(/^redis-server .*--appendonly yes\b/);
    expect(command).toMatch(/--maxmemory \d+mb\b.* --maxmemory-policy noeviction\b/);
  });
});

describe('deploy/haproxy.cfg', () => {
  it('is what the balancer reads, and answers its health check', () => {
    expect(balancer).toHaveProperty('volumes', ['./deploy/haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro']);
    const { port, pathname } = new URL(balancer?.healthcheck.test.at(-1) ?? '');
    expect(linesOf('frontend health')).toStrictEqual([`bind :${port}`, `monitor-uri ${pathname}`]);
  });

  it('finds the nodes by their name and port, and is bound to none', () => {
    const servers = linesOf('backend nodes').filter((line) => line.startsWith('server'));
    expect(servers).toStrictEqual([`server-template node 10 rookery:${options.port}`]);
    expect(rookery?.deploy?.replicas).toBeLessThanOrEqual(10);
    expect([...proxy.values()].flat().filter((line) => /^(cookie|stick|balance (source|uri|hdr))/.test(line))).toEqual(
      [],
    );
  });

  it('asks for readiness where the server tells of it', async () => {
    const check = linesOf('backend nodes').find((line) => line.startsWith('option httpchk'));
    const [, path = ''] = /^option httpchk GET (\S+)$/.exec(check ?? '') ?? [];
    const server = await startServer();
    const response = await fetch(server.http + path);
    expect(response.status).toBe(200);
    expect(await response.json()).toHaveProperty('info.broker');
  });

  it('leaves connections alone for longer than they are silent', () => {
    const line = linesOf('defaults').find((candidate) => candidate.startsWith('timeout tunnel'));
    const [, seconds] = /^timeout tunnel (\d+)s$/.exec(line ?? '') ?? [];
    expect(Number(seconds) * 1000).toBeGreaterThan(options.heartbeatIntervalMs);
  });

  it('names the clients’ addresses, and the nodes believe it', () => {
    expect(linesOf('defaults')).toContain('option forwardfor');
    expect(options.trustProxy).toBe('1');
  });
});

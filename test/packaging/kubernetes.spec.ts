import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';

import { environmentName, environmentOptions, optionsFromEnvironment } from '../../src/config/environment.js';
import { resolveOptions } from '../../src/config/resolve-options.js';
import { startServer } from '../support/server.js';
import { PROJECT } from '../support/project.js';

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly timeoutSeconds?: number;
}

interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly resources: { readonly limits: { readonly memory: string } };
}

interface Deployment {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly replicas: number;
    readonly selector: { readonly matchLabels: unknown };
    readonly template: {
      readonly metadata: { readonly labels: unknown };
      readonly spec: { readonly terminationGracePeriodSeconds: number; readonly containers: readonly [Container] };
    };
  };
}

interface Service {
  readonly spec: { readonly selector: unknown; readonly ports: readonly { readonly targetPort: string }[] };
}

interface DisruptionBudget {
  readonly spec: { readonly maxUnavailable: number; readonly selector: { readonly matchLabels: unknown } };
}

interface Autoscaler {
  readonly spec: {
    readonly scaleTargetRef: unknown;
    readonly minReplicas: number;
    readonly metrics: readonly [
      {
        readonly pods: {
          readonly metric: { readonly name: string };
          readonly target: { readonly averageValue: string };
        };
      },
    ];
  };
}

interface Manifests {
  readonly Deployment: Deployment;
  readonly Service: Service;
  readonly PodDisruptionBudget: DisruptionBudget;
  readonly HorizontalPodAutoscaler: Autoscaler;
}

const folder = join(PROJECT, 'deploy/kubernetes');
const documents = readdirSync(folder).flatMap((name): unknown[] => loadAll(readFileSync(join(folder, name), 'utf8')));
const kinds: string[] = documents.map((document) => Object(document).kind);
// Only JSON's parser gives a value that may be given a type; the tests then find what is not as the type says.
const manifests: Manifests = JSON.parse(
  JSON.stringify(Object.fromEntries(documents.map((document, index) => [kinds[index], document]))),
);

const { Deployment: deployment, Service: service } = manifests;
const { spec: pod, metadata: podMetadata } = deployment.spec.template;
const [container] = pod.containers;
/** Long enough for any secret, and an address. */
const SECRET = 'redis://only-for-this-test-only-for-this-test';
const options = resolveOptions(
  optionsFromEnvironment({
    ...Object.fromEntries(container.env.map(({ name, value = SECRET }) => [name, value])),
    NODE_ENV: 'production',
  }),
);

describe('the manifests for Kubernetes', () => {
  it('are one of each kind', () => {
    expect(kinds.toSorted()).toStrictEqual(['Deployment', 'HorizontalPodAutoscaler', 'PodDisruptionBudget', 'Service']);
  });

  it('set what can be set, and nothing twice', () => {
    const names = container.env.map(({ name }) => name);
    expect(environmentOptions().map(environmentName)).toStrictEqual(expect.arrayContaining(names));
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('REDIS_URL');
  });

  it('lead from the service to the port of the server', () => {
    expect(container.ports).toStrictEqual([{ name: 'http', containerPort: options.port }]);
    expect(service.spec.ports.map(({ targetPort }) => targetPort)).toStrictEqual(['http']);
    expect(service.spec).not.toHaveProperty('sessionAffinity');
    const { startupProbe, livenessProbe, readinessProbe } = container;
    for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe]) expect(httpGet.port).toBe('http');
  });

  it('mean the same pods', () => {
    const { labels } = podMetadata;
    const selectors = [
      deployment.spec.selector.matchLabels,
      service.spec.selector,
      manifests.PodDisruptionBudget.spec.selector.matchLabels,
    ];
    expect(selectors).toStrictEqual([labels, labels, labels]);
    const { name } = deployment.metadata;
    expect(manifests.HorizontalPodAutoscaler.spec.scaleTargetRef).toMatchObject({ kind: 'Deployment', name });
  });

  it('probe for life where only life is told, and for readiness where the broker is asked', async () => {
    const server = await startServer();
    const told = async ({ httpGet }: Probe) => {
      const response = await fetch(server.http + httpGet.path);
      expect(response.status).toBe(200);
      const { info }: { info: Record<string, unknown> } = JSON.parse(await response.text());
      return Object.keys(info);
    };
    expect(await told(container.startupProbe)).toStrictEqual(['process']);
    expect(await told(container.livenessProbe)).toStrictEqual(['process']);
    expect(await told(container.readinessProbe)).toContain('broker');
  });

  it('wait for the answer of a node that waits for Redis', () => {
    expect((container.readinessProbe.timeoutSeconds ?? 1) * 1000).toBeGreaterThan(options.redisTimeoutMs);
  });

  it('give a node time to drain before it is killed', () => {
    const [command, seconds] = container.lifecycle.preStop.exec.command;
    expect(command).toBe('sleep');
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(Number(seconds) * 1000 + options.drainTimeoutMs);
  });

  it('refuse connections before the memory is used up', () => {
    expect(container.resources.limits.memory).toBe('1Gi');
    expect(options.maxMemoryBytes).toBeGreaterThan(0);
    expect(options.maxMemoryBytes).toBeLessThan(1024 ** 3);
  });

  it('leave a node for the clients of one that goes', () => {
    const { PodDisruptionBudget: budget, HorizontalPodAutoscaler: autoscaler } = manifests;
    expect(budget.spec.maxUnavailable).toBeLessThan(deployment.spec.replicas);
    expect(budget.spec.maxUnavailable).toBeLessThan(autoscaler.spec.minReplicas);
  });

  it('scale by a metric that the server has, to below what a node takes', async () => {
    const { metric, target } = manifests.HorizontalPodAutoscaler.spec.metrics[0].pods;
    const server = await startServer();
    const metrics = await (await fetch(`${server.http}/metrics`)).text();
    expect(metrics).toContain(`# TYPE ${metric.name} gauge`);
    expect(Number(target.averageValue)).toBeLessThanOrEqual(options.maxConnections / 2);
  });
});

import type { Metric } from 'prom-client';

import type { Distribution } from '../telemetry/distribution.js';

/**
 * A Prometheus histogram that reads a {@link Distribution} when it is asked for. The registry takes anything that
 * answers as a metric does; the library's own histogram can only be observed into, at several times the cost.
 */
export function distributionMetric(name: string, help: string, distribution: Distribution): Metric {
  const value = (suffix: string, count: number, labels: Record<string, number | string> = {}) => ({
    metricName: name + suffix,
    value: count,
    labels,
  });
  const get = () => {
    const { bounds, counts, sum, count } = distribution;
    let below = 0;
    const buckets = bounds.map((le, index) => value('_bucket', (below += counts[index] ?? 0), { le }));
    const values = [...buckets, value('_bucket', count, { le: '+Inf' }), value('_sum', sum), value('_count', count)];
    return Promise.resolve({ name, help, type: 'histogram', values, aggregator: 'sum' });
  };
  return { name, help, get, reset: () => undefined } as unknown as Metric;
}

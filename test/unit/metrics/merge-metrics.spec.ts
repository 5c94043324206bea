import { Counter, Gauge, Registry } from 'prom-client';

import { distributionMetric } from '../../../src/metrics/distribution.metric.js';
import { mergeMetrics, type Measured } from '../../../src/metrics/merge-metrics.js';
import { Distribution } from '../../../src/telemetry/distribution.js';

async function measured(connections: number, seconds: number): Promise<Measured> {
  const registry = new Registry();
  const gauge = new Gauge({ name: 'connections', help: 'Open ones', registers: [registry], aggregator: 'omit' });
  gauge.set(connections);
  const counter = new Counter({ name: 'errors', help: 'By code', labelNames: ['code'], registers: [registry] });
  counter.inc({ code: 'A' }, connections);
  const distribution = new Distribution([0.1, 1]);
  distribution.observe(seconds);
  registry.registerMetric(distributionMetric('turn_seconds', 'Time of a turn', distribution));
  return registry.getMetricsAsJSON();
}

describe('the metrics of several workers', () => {
  it('are put side by side, each with its number', async () => {
    const text = await mergeMetrics(
      new Map([
        [1, await measured(3, 0.05)],
        [2, await measured(Number.NaN, 0.5)],
      ]),
      0,
    );
    expect(text.match(/^# TYPE \S+ \S+$/gm)).toEqual([
      '# TYPE connections gauge',
      '# TYPE errors counter',
      '# TYPE turn_seconds histogram',
      '# TYPE rookery_workers_silent gauge',
    ]);
    for (const line of [
      'connections{worker="1"} 3',
      'connections{worker="2"} Nan',
      'errors{code="A",worker="1"} 3',
      'turn_seconds_bucket{le="0.1",worker="1"} 1',
      'turn_seconds_bucket{le="0.1",worker="2"} 0',
      'turn_seconds_bucket{le="+Inf",worker="2"} 1',
      'turn_seconds_sum{worker="2"} 0.5',
      'turn_seconds_count{worker="1"} 1',
      'turn_seconds_count{worker="2"} 1',
      'rookery_workers_silent 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  it('tell how many are missing', async () => {
    expect(await mergeMetrics(new Map([[1, await measured(1, 1)]]), 2)).toContain('rookery_workers_silent 2');
  });
});

import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue } from 'prom-client';

/** What one process measures. */
export type Measured = readonly MetricObjectWithValues<MetricValue<string>>[];

/**
 * The processes of one port, in the format of Prometheus: each value with the label `worker`.
 *
 * @param silent how many of them did not answer
 */
export function mergeMetrics(byWorker: ReadonlyMap<number, Measured>, silent: number): Promise<string> {
  const labelled = [...byWorker].map(([worker, metrics]) => metrics.map((metric) => withLabel(metric, String(worker))));
  const silentWorkers = {
    name: 'rookery_workers_silent',
    help: 'Workers whose metrics are missing here, since they did not answer in time',
    type: 'gauge',
    values: [{ value: silent, labels: {} }],
    aggregator: 'first',
  };
  return AggregatorRegistry.aggregate([...labelled, [silentWorkers]]).metrics();
}

function withLabel(metric: Measured[number], worker: string): object {
  const values = metric.values.map((value) => ({ ...value, labels: { ...value.labels, worker } }));
  // With its label each value is the only one of its kind: there is nothing to reckon.
  return { ...metric, values, aggregator: 'first' };
}

import type { TestServer } from './server.js';

/**
 * The value of a metric now; 0 where it has none yet.
 *
 * @param series a name without the prefix, with its labels: `drops_total{reason="gap"}`
 */
export async function metric(server: TestServer, series: string): Promise<number> {
  const response = await fetch(`${server.http}/metrics`);
  if (!response.ok) throw new Error(`the metrics were answered with ${response.status}`);
  const line = (await response.text()).split('\n').find((text) => text.startsWith(`rookery_${series} `));
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ')));
}

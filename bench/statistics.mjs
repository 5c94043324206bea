/**
 * What one measurement of one server gave.
 *
 * @typedef {object} Sample
 * @property {string} workload
 * @property {string} case
 * @property {string} rival
 * @property {number} round
 * @property {Record<string, number>} values By measure.
 * @property {number} disturbance Cores that were busy with something else.
 */

/** @param {number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = NaN, high = NaN] = sorted.length % 2 ? [sorted[middle], sorted[middle]] : sorted.slice(middle - 1);
  return (low + high) / 2;
}

/**
 * Half the distance from the lowest to the highest, as a share of the median.
 *
 * @param {number[]} values
 */
export function spread(values) {
  return values.length > 1 ? (Math.max(...values) - Math.min(...values)) / 2 / median(values) : NaN;
}

/**
 * @param {Sample[]} samples
 * @param {{ workload: string, rival: string, case?: string }} which
 */
export function select(samples, which) {
  return samples.filter(
    (sample) =>
      sample.workload === which.workload &&
      sample.rival === which.rival &&
      (which.case === undefined || sample.case === which.case),
  );
}

/**
 * The median over the rounds of a/b, each within its round: whatever slowed the machine down for a while slowed both,
 * and does not show.
 *
 * @param {Sample[]} above
 * @param {Sample[]} below
 * @param {string} measure
 * @param {string} [other] The measure of b, where it is another one.
 */
export function ratio(above, below, measure, other = measure) {
  const quotients = above.flatMap((sample) => {
    const partner = below.find(({ round }) => round === sample.round);
    return partner ? [(sample.values[measure] ?? NaN) / (partner.values[other] ?? NaN)] : [];
  });
  return quotients.length ? median(quotients) : NaN;
}

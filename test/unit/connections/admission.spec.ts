import { LocalCluster } from '../../../src/cluster/local.cluster.js';
import { resolveOptions } from '../../../src/config/resolve-options.js';
import type { RookeryOptionsInput } from '../../../src/config/rookery.options.js';
import { Admission, type Place } from '../../../src/connections/admission.js';
import type { Descriptors } from '../../../src/connections/descriptors.js';

const admissionWith = (options: RookeryOptionsInput, isShort = false): Admission =>
  new Admission(resolveOptions(options), new LocalCluster(), { isShort } as Descriptors);

/** A place that has to be there. */
function placeIn(admission: Admission, address = '192.0.2.1'): Place {
  const place = admission.take(address);
  if (typeof place === 'string') throw new Error(`refused: ${place}`);
  return place;
}

describe('Admission', () => {
  it('bounds the node, and has a place again when one is given back', () => {
    const admission = admissionWith({ maxConnections: 2 });
    const first = placeIn(admission);
    placeIn(admission, '192.0.2.2');
    expect(admission.take('192.0.2.3')).toBe('FULL');
    first.give();
    placeIn(admission, '192.0.2.3');
    expect(admission.take('192.0.2.4')).toBe('FULL');
  });

  it('is full while file descriptors are short', () => {
    expect(admissionWith({}, true).take('192.0.2.1')).toBe('FULL');
  });

  it('bounds each address by itself', () => {
    const admission = admissionWith({ maxConnectionsPerAddress: 1 });
    const first = placeIn(admission);
    expect(admission.take('192.0.2.1')).toBe('TOO_MANY_CONNECTIONS');
    placeIn(admission, '192.0.2.2');
    first.give();
    placeIn(admission);
  });

  it('bounds each network of IPv6 as one address, as long as the setting says', () => {
    const admission = admissionWith({ maxConnectionsPerAddress: 1 });
    const first = placeIn(admission, '2001:db8::1');
    expect(first.address).toBe('2001:db8::1');
    expect(admission.take('2001:db8::2')).toBe('TOO_MANY_CONNECTIONS');
    placeIn(admission, '2001:db8:0:1::1');
    first.give();
    placeIn(admission, '2001:db8::2');
    const exact = admissionWith({ maxConnectionsPerAddress: 1, addressPrefixLength: 128 });
    placeIn(exact, '2001:db8::1');
    placeIn(exact, '2001:db8::2');
    expect(exact.take('2001:db8::2')).toBe('TOO_MANY_CONNECTIONS');
  });

  it('bounds each user by itself, over all addresses', () => {
    const admission = admissionWith({ maxConnectionsPerUser: 1 });
    const [first, second, third] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) =>
      placeIn(admission, address),
    );
    expect(first?.takeUser('alice')).toBeUndefined();
    expect(second?.takeUser('alice')).toBe('TOO_MANY_CONNECTIONS');
    expect(third?.takeUser('bob')).toBeUndefined();
    // A place that the user did not get gives nothing of the user's back.
    second?.give();
    expect(placeIn(admission).takeUser('alice')).toBe('TOO_MANY_CONNECTIONS');
    first?.give();
    expect(placeIn(admission).takeUser('alice')).toBeUndefined();
  });

  it('takes a place back once, however often it is given', () => {
    const admission = admissionWith({ maxConnections: 2, maxConnectionsPerAddress: 2, maxConnectionsPerUser: 1 });
    const place = placeIn(admission);
    expect(place.takeUser('alice')).toBeUndefined();
    const other = placeIn(admission);
    place.give();
    place.give();
    placeIn(admission);
    expect(admission.take('192.0.2.1')).toBe('FULL');
    expect(other.takeUser('alice')).toBeUndefined();
    place.give();
    expect(placeIn(admissionWith({ maxConnectionsPerUser: 1 })).takeUser('alice')).toBeUndefined();
  });

  it('does not count a refused address against the node', () => {
    const admission = admissionWith({ maxConnections: 2, maxConnectionsPerAddress: 1 });
    placeIn(admission);
    expect(admission.take('192.0.2.1')).toBe('TOO_MANY_CONNECTIONS');
    placeIn(admission, '192.0.2.2');
  });

  it('has no bounds at 0', () => {
    const admission = admissionWith({ maxConnections: 0, maxConnectionsPerAddress: 0, maxConnectionsPerUser: 0 });
    const refusals = Array.from({ length: 30_000 }, () => placeIn(admission).takeUser('alice'));
    expect(refusals.filter((refusal) => refusal !== undefined)).toEqual([]);
  });
});

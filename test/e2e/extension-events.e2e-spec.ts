import { Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule, EventEmitterReadinessWatcher, OnEvent } from '@nestjs/event-emitter';

import { RookeryModule } from '../../src/index.js';
import { TEST_OPTIONS, listen } from '../support/application.js';
import { join } from '../support/client.js';

/** Who heard of a join, in the order of hearing. */
const heard: string[] = [];

@Injectable()
class Handler {
  @OnEvent('room.joined')
  joined(): void {
    heard.push('handler');
  }
}

@Injectable()
class ListenerOfTheRoot {
  constructor(emitter: EventEmitter2, readiness: EventEmitterReadinessWatcher) {
    emitter.on('room.joined', () => heard.push('listener of the root'));
    void readiness.waitUntilReady().then(() => heard.push('ready'));
  }
}

@Injectable()
class ListenerOfAFeature {
  constructor(emitter: EventEmitter2, readiness: EventEmitterReadinessWatcher) {
    emitter.on('room.joined', () => heard.push('listener of a feature'));
    void readiness.waitUntilReady().then(() => heard.push('feature ready'));
  }
}

@Module({ providers: [Handler, ListenerOfAFeature] })
class FeatureModule {}

const rookery = (): unknown => RookeryModule.forRoot(TEST_OPTIONS);
const own = (): unknown => EventEmitterModule.forRoot({ wildcard: true });

const orders: readonly [string, () => unknown[]][] = [
  ['Rookery alone, then a feature', () => [rookery(), FeatureModule]],
  ['a feature, then Rookery alone', () => [FeatureModule, rookery()]],
  ['an emitter with the same options, then Rookery', () => [EventEmitterModule.forRoot(), rookery(), FeatureModule]],
  ['an emitter of its own first', () => [own(), rookery(), FeatureModule]],
  ['an emitter of its own in between', () => [rookery(), own(), FeatureModule]],
  ['an emitter of its own last', () => [rookery(), FeatureModule, own()]],
  ['a feature first, an emitter of its own last', () => [FeatureModule, rookery(), own()]],
];

describe('events for an application', () => {
  it.each(orders)('Every listener hears each event once where an application imports %s', async (_order, imports) => {
    heard.length = 0;
    const server = await listen({
      imports: imports() as NonNullable<ModuleMetadata['imports']>,
      providers: [ListenerOfTheRoot],
    });
    await join(server, {}, 'r');
    expect(heard.toSorted()).toEqual([
      'feature ready',
      'handler',
      'listener of a feature',
      'listener of the root',
      'ready',
    ]);
  });
});

import { Module, type DynamicModule, type FactoryProvider, type ModuleMetadata, type Type } from '@nestjs/common';

import { readMemory } from '../config/available-memory.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { RoomRules } from '../config/room-rules.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { Broker } from './broker.js';
import { MemoryBroker } from './memory.broker.js';
import { MemoryWatch, ProcessMemoryWatch } from './memory-watch.js';
import { RedisBroker } from './redis/redis.broker.js';

/** What an application can put in place of the module's own. */
export interface BrokerOverrides {
  readonly broker?: Type<Broker>;
  readonly imports?: ModuleMetadata['imports'];
}

/** The broker that the settings ask for. */
const BY_SETTINGS: FactoryProvider<Broker> = {
  provide: Broker,
  useFactory: (options: RookeryOptions, rules: RoomRules, telemetry: Telemetry, watch: MemoryWatch) =>
    options.redisUrl === undefined
      ? new MemoryBroker(options, rules, telemetry, watch)
      : new RedisBroker(options, rules, telemetry),
  inject: [RookeryOptions, RoomRules, Telemetry, MemoryWatch],
};

/** Measures nothing until a broker starts it. */
const MEMORY_WATCH: FactoryProvider<MemoryWatch> = {
  provide: MemoryWatch,
  useFactory: () => new ProcessMemoryWatch(readMemory(), 1),
};

/** The one broker of the node. */
@Module({})
export class BrokerModule {
  static with({ broker, imports = [] }: BrokerOverrides): DynamicModule {
    return {
      module: BrokerModule,
      imports,
      providers: [MEMORY_WATCH, broker === undefined ? BY_SETTINGS : { provide: Broker, useClass: broker }],
      exports: [Broker],
    };
  }
}

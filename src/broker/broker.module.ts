import { Module, type DynamicModule, type FactoryProvider, type ModuleMetadata, type Type } from '@nestjs/common';

import { readMemory } from '../config/available-memory.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { RoomRules } from '../config/room-rules.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { Broker } from './broker.js';
import { MemoryBroker } from './memory.broker.js';
import { ProcessMemoryWatch } from './memory-watch.js';
import { RedisBroker } from './redis/redis.broker.js';

/** What an application can put in place of the module's own. */
export interface BrokerOverrides {
  readonly broker?: Type<Broker>;
  readonly imports?: ModuleMetadata['imports'];
}

/** The broker that the settings ask for. */
const BY_SETTINGS: FactoryProvider<Broker> = {
  provide: Broker,
  useFactory: (options: RookeryOptions, rules: RoomRules, telemetry: Telemetry) => {
    if (options.redisUrl !== undefined) return new RedisBroker(options, rules, telemetry);
    const memory = readMemory();
    return new MemoryBroker(options, rules, telemetry, memory, new ProcessMemoryWatch(memory, 1));
  },
  inject: [RookeryOptions, RoomRules, Telemetry],
};

/** The one broker of the node. */
@Module({})
export class BrokerModule {
  static with({ broker, imports = [] }: BrokerOverrides): DynamicModule {
    return {
      module: BrokerModule,
      imports,
      providers: [broker === undefined ? BY_SETTINGS : { provide: Broker, useClass: broker }],
      exports: [Broker],
    };
  }
}

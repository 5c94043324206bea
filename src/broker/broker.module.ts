import { Module, type DynamicModule, type ModuleMetadata, type Type } from '@nestjs/common';

import { Broker } from './broker.js';
import { MemoryBroker } from './memory.broker.js';

/** What an application can put in place of the module's own. */
export interface BrokerOverrides {
  readonly broker?: Type<Broker>;
  readonly imports?: ModuleMetadata['imports'];
}

/** The one broker of the node. */
@Module({})
export class BrokerModule {
  static with({ broker, imports = [] }: BrokerOverrides): DynamicModule {
    return {
      module: BrokerModule,
      imports,
      providers: [{ provide: Broker, useClass: broker ?? MemoryBroker }],
      exports: [Broker],
    };
  }
}

import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';

import { Broker } from '../broker/broker.js';
import { MemoryBroker } from '../broker/memory.broker.js';
import { Siblings } from '../cluster/siblings.js';
import { readMemory } from '../config/available-memory.js';
import { describeMemory, memoryWarnings } from '../config/memory-shares.js';
import { RookeryOptions } from '../config/rookery.options.js';

/** Says at start what the process keeps in memory at most, and warns of settings that allow more than there is. */
@Injectable()
export class MemoryReport implements OnModuleInit {
  private readonly logger = new Logger('Memory');

  constructor(
    private readonly options: RookeryOptions,
    @Inject(Broker) private readonly broker: Broker,
    private readonly siblings: Siblings,
  ) {}

  onModuleInit(): void {
    // Of several processes with the same settings, one says it.
    if ((this.siblings.worker ?? 1) > 1) return;
    const memory = readMemory();
    const keepsHistory = this.broker instanceof MemoryBroker;
    this.logger.log(describeMemory(this.options, memory, keepsHistory));
    for (const warning of memoryWarnings(this.options, memory, keepsHistory)) this.logger.warn(warning);
  }
}

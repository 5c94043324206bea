import { Global, Module } from '@nestjs/common';

import { Journal } from './journal.js';
import { Telemetry } from './telemetry.js';

/** The counters and the journal, for every module. */
@Global()
@Module({ providers: [Journal, Telemetry], exports: [Journal, Telemetry] })
export class TelemetryModule {}

import { Global, Module } from '@nestjs/common';

import { Telemetry } from './telemetry.js';

/** The counters, for every module. */
@Global()
@Module({ providers: [Telemetry], exports: [Telemetry] })
export class TelemetryModule {}

import { Module, type DynamicModule } from '@nestjs/common';

import { AdminModule } from './admin/admin.module.js';
import { optionsFromEnvironment } from './config/environment.js';
import type { RookeryOptionsInput } from './config/rookery.options.js';
import { HealthModule } from './health/health.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { RookeryModule } from './rookery.module.js';

/** The stand-alone server: Rookery with all around it, set by the environment. */
@Module({})
export class AppModule {
  /** @param options left out, the environment is read */
  static with(options?: RookeryOptionsInput): DynamicModule {
    return {
      module: AppModule,
      imports: [
        RookeryModule.forRootAsync({ useFactory: () => options ?? optionsFromEnvironment(process.env) }),
        AdminModule,
        HealthModule,
        MetricsModule,
      ],
    };
  }
}

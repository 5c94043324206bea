import { ConfigurableModuleBuilder, Global, Module } from '@nestjs/common';

import { resolveOptions } from './resolve-options.js';
import { RookeryOptions, type RookeryOptionsInput } from './rookery.options.js';
import { RoomRules } from './room-rules.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<RookeryOptionsInput>().setClassMethodName('forRoot').build();

export type RookeryAsyncOptions = typeof ASYNC_OPTIONS_TYPE;

/** The settings, for every module: defaults, what the application gave, checked. */
@Global()
@Module({
  providers: [{ provide: RookeryOptions, useFactory: resolveOptions, inject: [MODULE_OPTIONS_TOKEN] }, RoomRules],
  exports: [RookeryOptions, RoomRules],
})
export class RookeryConfigModule extends ConfigurableModuleClass {}

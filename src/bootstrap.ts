import { HttpAdapterHost, NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { NextFunction, Request, Response } from 'express';
import helmet from 'helmet';
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { pinoHttp } from 'pino-http';

import { AppModule } from './app.module.js';
import { RookeryOptions, type RookeryOptionsInput } from './config/rookery.options.js';
import { refusalBody } from './connections/refusal.js';
import { RookeryAdapter } from './connections/rookery.adapter.js';
import { hasChatDoor, serveChatDoor } from './chat-door.js';
import { hasExampleChat, serveExampleChat } from './chat-page.js';
import { BoundedExpressAdapter } from './http-server.js';
import { CallLog } from './rest/call-log.js';
import { RestErrorFilter } from './rest/rest-error.filter.js';
import { hasStartPage, serveStartPage } from './start-page.js';
import { withoutQuery } from './telemetry/log-line.js';
import { PinoLogger, createPino } from './telemetry/pino.logger.js';

const PROBES = new Set(['/health/live', '/health/ready', '/metrics']);

/**
 * Makes the stand-alone server, ready to listen.
 *
 * @param input left out, the environment is read
 * @throws SettingsError, EnvironmentError
 */
export async function createApplication(input?: RookeryOptionsInput): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(input), new BoundedExpressAdapter(), {
    bufferLogs: true,
    // What keeps it from starting is told by who starts it, in a sentence rather than in Nest's log with a stack.
    autoFlushLogs: false,
    bodyParser: false,
    forceCloseConnections: true,
    abortOnError: false,
  });
  const options = app.get(RookeryOptions);
  const logger = await createPino({ level: options.logLevel, json: options.nodeEnv === 'production' });
  app.useLogger(new PinoLogger(logger));
  app.flushLogs();
  useHttp(app, options, logger);
  app.useWebSocketAdapter(new RookeryAdapter(app));
  if (options.docs) serveDocs(app);
  if (hasExampleChat(options)) serveExampleChat(app);
  if (hasChatDoor(options)) serveChatDoor(app);
  if (hasStartPage(options)) serveStartPage(app);
  // Ends with 0 when the drain is done; a second signal changes nothing.
  app.enableShutdownHooks([], { useProcessExit: true });
  return app;
}

function useHttp(app: NestExpressApplication, options: RookeryOptions, logger: Logger): void {
  app.disable('x-powered-by');
  app.use(
    pinoHttp({
      logger,
      genReqId: () => randomUUID(),
      autoLogging: { ignore: (request) => PROBES.has(withoutQuery(request.url)) },
      serializers: {
        req: ({ id, method, url }: Request) => ({ id, method, url: withoutQuery(url) }),
        res: ({ statusCode }: Response) => ({ statusCode }),
      },
    }),
  );
  app.use(helmet());
  const calls = app.get(CallLog);
  app.use(upgradeRequiredAt(options.wsPath, (request) => calls.notUpgraded(request)));
  app.useBodyParser('json', { limit: options.maxMessageBytes || Infinity });
  app.useGlobalFilters(new RestErrorFilter(app.get(HttpAdapterHost), calls));
}

/** Answers plain requests to the endpoint. Express would take its path for a prefix: all there is, where it is `/`. */
function upgradeRequiredAt(wsPath: string, onRefused: (request: Request) => void) {
  return (request: Request, response: Response, next: NextFunction): void => {
    if (request.path === wsPath || request.path === `${wsPath}/`) {
      onRefused(request);
      response.status(426).setHeader('Upgrade', 'websocket').json(refusalBody('UPGRADE_REQUIRED'));
    } else {
      next();
    }
  };
}

function serveDocs(app: NestExpressApplication): void {
  const config = new DocumentBuilder().setTitle('Rookery').setVersion('1').addBearerAuth().build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, config));
}

import { eventually } from '../support/eventually.js';
import { startProcess, type ServerProcess } from '../support/process.js';
import { SECRET } from '../support/server.js';

/** Address of a node. Each of its processes has another name. */
export interface Place {
  readonly name: string;
  readonly address: string;
}

const LAST_WORDS = 12;

const SETTINGS = {
  JWT_SECRET: SECRET,
  LOG_LEVEL: 'warn',
  RATE_LIMIT: '0',
  HISTORY_SIZE: '100000',
  HISTORY_TTL_MS: '3600000',
};

/** A node: one server process after another, on different ports. */
export class FailoverNode {
  private process: ServerProcess | undefined;
  private port: number | undefined;
  private starts = 0;

  constructor(
    readonly name: string,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  async start(): Promise<void> {
    this.process = startProcess({ ...SETTINGS, ...this.settings });
    this.port = await this.process.port();
    this.starts += 1;
  }

  /** Undefined while the node accepts no connections; a stopped process still does. */
  get place(): Place | undefined {
    if (this.port === undefined) return undefined;
    return { name: `${this.name}#${this.starts}`, address: `127.0.0.1:${this.port}` };
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.port = undefined;
    this.process?.kill('SIGKILL');
    await this.process?.exited;
  }

  /** SIGSTOP. */
  stop(): void {
    this.process?.kill('SIGSTOP');
  }

  resume(): void {
    this.process?.kill('SIGCONT');
  }

  async ready(): Promise<void> {
    await eventually(
      () =>
        fetch(`http://${this.place?.address ?? '127.0.0.1:1'}/health/ready`).then(
          ({ status }) => status,
          () => 0,
        ),
      (status) => status === 200,
    );
  }

  /** Last lines of its log. */
  get lastWords(): readonly string[] {
    const lines = this.process?.output().split('\n') ?? [];
    return lines.filter((line) => line.startsWith('[')).slice(-LAST_WORDS);
  }
}

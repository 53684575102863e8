import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const BINARY = process.env['GAUNTLET'] ?? resolve(import.meta.dirname, '../../../target/debug/gauntlet');
/** How long a server may take to serve or to end. */
const DEADLINE_MS = 30_000;

/** How many workers there are. */
const WORKERS = 2;

/** A real control plane and two real workers; store and target (`db`, with the table `bench`) are SQLite files of its own. */
export class Server {
  readonly #folder: string;
  #plane: ChildProcess | undefined;
  #workers: ChildProcess[] = [];
  url = '';

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), 'gauntlet-browser-')));
    await promisify(execFile)(BINARY, ['schema', 'apply', '--store', server.#store], { timeout: DEADLINE_MS });
    await server.serve();
    for (let worker = 1; worker <= WORKERS; worker += 1) {
      const args = ['--server', server.url, 'worker', '--name', `w${worker}`];
      server.#workers.push(spawn(BINARY, args, { stdio: ['ignore', 'ignore', 'ignore'] }));
    }
    await server.#attached();
    await server.cli('target', 'add', 'db', '--sqlite', join(server.#folder, 'bench.db'));
    await server.cli('target', 'load', 'db', '--table', 'bench', '--rows', '1000');
    return server;
  }

  get #store(): string {
    return `sqlite:${join(this.#folder, 'store.db')}`;
  }

  /** Serves; at the same port as before, when there was one. */
  async serve(): Promise<void> {
    const listen = this.url === '' ? '127.0.0.1:0' : new URL(this.url).host;
    const child = spawn(BINARY, ['serve', '--store', this.#store, '--listen', listen, '--log', 'error'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#plane = child;
    this.url = await servedAt(child);
  }

  async #attached(): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS;
    while (Date.now() < deadline) {
      const idle = (await this.cli('workers', '--output', 'json')).match(/WORKER_STATUS_IDLE/g);
      if (idle?.length === WORKERS) {
        return;
      }
    }
    throw new Error('the workers did not attach');
  }

  /** Ends the control plane as a power failure would; its workers go on. */
  async kill(): Promise<void> {
    await end(this.#plane, 'SIGKILL');
  }

  /** Ends everything and leaves nothing behind. */
  async stop(): Promise<void> {
    await Promise.all([this.#plane, ...this.#workers].map((child) => end(child, 'SIGTERM')));
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Runs the command line against it and gives what it printed. */
  async cli(...args: string[]): Promise<string> {
    try {
      const { stdout } = await promisify(execFile)(BINARY, ['--server', this.url, ...args], { timeout: 90_000 });
      return stdout;
    } catch (error) {
      // Exit codes that say a verdict: a busy machine may miss an objective.
      if (error instanceof Error && 'code' in error && 'stdout' in error && [2, 3, 4].includes(Number(error.code))) {
        return String(error.stdout);
      }
      throw error;
    }
  }

  /** Stores a template. */
  async apply(text: string): Promise<void> {
    const file = join(this.#folder, 'template.yaml');
    await writeFile(file, text);
    await this.cli('template', 'apply', '-f', file);
  }

  /** Prepares a run that is not started: CreateRunRequest{project, template, name}. */
  async prepare(template: string, name: string): Promise<void> {
    const request = Buffer.concat([field(2, 'default'), field(3, template), field(5, name)]);
    const answer = await fetch(`${this.url}/gauntlet.v1.RunService/CreateRun`, {
      method: 'POST',
      headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1' },
      body: new Uint8Array(frame(0x00, request)),
    });
    const said = Buffer.from(await answer.arrayBuffer()).toString('latin1');
    if (!/grpc-status: ?0/.test(said) && answer.headers.get('grpc-status') !== '0') {
      throw new Error(`the run ${name} is not prepared: ${said}`);
    }
  }

  /** Creates and starts a run, and gives its id without waiting for its end. */
  async begin(template: string, name: string): Promise<string> {
    const args = ['--server', this.url, 'run', template, '--name', name, '--yes'];
    spawn(BINARY, args, { stdio: 'ignore' }).unref();
    const deadline = Date.now() + DEADLINE_MS;
    while (Date.now() < deadline) {
      const listed: { runs?: { runId: string; name: string; startedUs?: string }[] } = JSON.parse(
        await this.cli('list', '--output', 'json'),
      );
      const run = listed.runs?.find((one) => one.name === name && one.startedUs);
      if (run) {
        return run.runId;
      }
    }
    throw new Error(`the run ${name} did not start`);
  }
}

/** A message of a gRPC-Web call; its trailers have the flag 0x80. */
export function frame(flags: number, content: Buffer): Buffer {
  const head = Buffer.from([flags, 0, 0, 0, 0]);
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, content]);
}

/** A text, or a message, as a field of a message; shorter than 128 bytes. */
export function field(number: number, content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

/** A template of an open loop. */
export function template(name: string, seconds: number): string {
  return [
    `name: ${name}`,
    'target: db',
    'table: bench',
    'operations:',
    '  - {kind: point_lookup, weight: 70, parameters: [{uniform: {min: 1, max: 1000}}]}',
    '  - kind: insert',
    '    weight: 30',
    '    columns: [k, c, pad]',
    '    parameters: [{uniform: {min: 1, max: 1000}}, {text: {length: 10}}, {literal: {text: x}}]',
    'load: {rate: {per_second: 200, connections: 4}}',
    'workers: 2',
    `phases: {warmup: 2s, measurement: ${seconds}s}`,
    'slos:',
    '  - {operation: point-lookup, latency: {percentile: 99, max: 2s}}',
    '',
  ].join('\n');
}

/** A template of an open loop, a tenth of which is refused by the target: the key is taken. */
export function failing(name: string, seconds: number): string {
  return [
    `name: ${name}`,
    'target: db',
    'table: bench',
    'operations:',
    '  - {kind: point_lookup, weight: 90, parameters: [{uniform: {min: 1, max: 1000}}]}',
    '  - name: twice',
    '    kind: sql',
    '    class: write',
    '    weight: 10',
    "    sql: INSERT INTO bench (id, k, c, pad) VALUES ($1, 1, 'c', 'pad')",
    '    parameters: [{uniform: {min: 1, max: 1000}}]',
    'load: {rate: {per_second: 200, connections: 4}}',
    'workers: 2',
    `phases: {warmup: 2s, measurement: ${seconds}s}`,
    '',
  ].join('\n');
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
  child.kill(signal);
  await ended;
  clearTimeout(timer);
}

function servedAt(child: ChildProcess): Promise<string> {
  return new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Error('the server does not serve')), DEADLINE_MS);
    child.once('exit', (code) => failed(new Error(`the server ended with ${code}`)));
    if (!child.stdout) {
      failed(new Error('the server has no output'));
      return;
    }
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = /^serving at (http\S+)/.exec(line)?.[1];
      if (url) {
        clearTimeout(timer);
        done(url);
      }
    });
  });
}

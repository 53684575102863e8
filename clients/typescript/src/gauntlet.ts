import { type Client, createClient, type Transport } from '@connectrpc/connect';

import { lost } from './errors.js';
import { ProcessingStatus, type Run } from './gen/gauntlet/v1/run_pb.js';
import { type GetReportResponse, RunService } from './gen/gauntlet/v1/run_service_pb.js';
import { ServerService } from './gen/gauntlet/v1/server_service_pb.js';
import { TargetService } from './gen/gauntlet/v1/target_service_pb.js';
import { TemplateService } from './gen/gauntlet/v1/template_service_pb.js';
import { WorkerService } from './gen/gauntlet/v1/worker_service_pb.js';
import { type Concluded, NoReportError } from './report.js';
import { type FollowOptions, resume, type Update } from './resume.js';
import { start, type Started, type StartOptions } from './start.js';
import * as watch from './watch.js';

/** What a watch gives: updates to the end, through broken connections. */
export type Watch<T> = AsyncGenerator<Update<T>, void, undefined>;

/** One control plane. */
export class Gauntlet {
  /** The runs: create, start, watch, end, read. */
  readonly runs: Client<typeof RunService>;
  /** The benchmark descriptions. */
  readonly templates: Client<typeof TemplateService>;
  /** The databases under test. */
  readonly targets: Client<typeof TargetService>;
  /** The processes that send the load. */
  readonly workers: Client<typeof WorkerService>;
  /** The control plane itself. */
  readonly server: Client<typeof ServerService>;
  readonly #signal: AbortSignal | undefined;

  /** Speaks over a transport of one's own. Each watch ends with the signal. */
  constructor(transport: Transport, signal?: AbortSignal) {
    this.runs = createClient(RunService, transport);
    this.templates = createClient(TemplateService, transport);
    this.targets = createClient(TargetService, transport);
    this.workers = createClient(WorkerService, transport);
    this.server = createClient(ServerService, transport);
    this.#signal = signal;
  }

  /**
   * Starts a run of a template: of a stored one, or of a file's text, which is
   * stored first. Throws a `TemplateError`, or a `FindingsError` when the check
   * before the start found what must be acknowledged; the run is then removed.
   */
  startRun(options: StartOptions): Promise<Started> {
    return start(this, options);
  }

  /** The states of a run, from now to its end. */
  watchRun(runId: string, options?: FollowOptions): Watch<Run> {
    return resume(watch.run(this.runs, runId), this.#until(options));
  }

  /**
   * One point for each second of a run, from its first to its last; only those
   * after an instant (microseconds since the Unix epoch, UTC) when one is given.
   */
  metrics(runId: string, options: FollowOptions & { readonly afterUs?: bigint } = {}): Watch<watch.Metric> {
    return resume(watch.metrics(this.runs, runId, options.afterUs ?? 0n), this.#until(options));
  }

  /**
   * Waits for the end of a run and gives its report; throws a `NoReportError`
   * that says why there is none, or the reason of the signal that ended the wait.
   */
  async report(runId: string, options?: FollowOptions): Promise<Concluded> {
    const { signal } = this.#until(options);
    let last: Run | undefined;
    for await (const update of this.watchRun(runId, options)) {
      last = update.value ?? last;
    }
    signal?.throwIfAborted();
    if (last === undefined || !watch.isOver(last.status)) {
      throw lost('the watch ended before the run');
    }
    if (last.processing !== ProcessingStatus.COMPLETED) {
      throw new NoReportError(last);
    }
    const { run, report } = await this.#lastReport(runId, signal);
    if (report === undefined) {
      throw new NoReportError(run ?? last);
    }
    return { run: run ?? last, report };
  }

  async #lastReport(runId: string, signal: AbortSignal | undefined): Promise<GetReportResponse> {
    try {
      return await this.runs.getReport({ runId }, signal === undefined ? {} : { signal });
    } catch (error) {
      // A call that its caller ended says that it was lost: then the reason is the caller's.
      signal?.throwIfAborted();
      throw error;
    }
  }

  /** The states of a project's runs, new runs and deleted ones included, until the signal. */
  watchRuns(request: watch.RunsRequest, options?: FollowOptions): Watch<watch.RunsChange> {
    return resume(watch.allRuns(this.runs, request), this.#until(options));
  }

  /** The states of the workers, until the signal. */
  watchWorkers(options?: FollowOptions): Watch<watch.WorkersChange> {
    return resume(watch.workers(this.workers), this.#until(options));
  }

  /** The states of a run's shards, to the run's end. */
  watchShards(runId: string, options?: FollowOptions): Watch<watch.ShardsChange> {
    return resume(watch.shards(this.runs, runId), this.#until(options));
  }

  /** What happens in a run, from its first event to its end. */
  watchEvents(runId: string, options?: FollowOptions): Watch<watch.EventsChange> {
    return resume(watch.events(this.runs, runId), this.#until(options));
  }

  /** What workers and the control plane say of a run, to its end. */
  logs(runId: string, request: watch.LogsRequest = {}, options?: FollowOptions): Watch<watch.LogsChange> {
    return resume(watch.logs(this.runs, runId, request), this.#until(options));
  }

  #until(options: FollowOptions = {}): FollowOptions {
    const signals = [this.#signal, options.signal].filter((signal) => signal !== undefined);
    return { ...options, signal: signals.length > 1 ? AbortSignal.any(signals) : signals[0] };
  }
}

import { Code, type GauntletError } from '@gauntlet/client';

import { asError, poll, runs, targets, workers } from '../../lib/api';
import { clock } from '../../lib/clock.svelte';
import { activity, MOST_SAMPLES, type Activity } from '../../models/run/activity';
import { errorsView, type ErrorsView } from '../../models/run/errors';
import { eventView, isSteering, type EventView } from '../../models/run/events';
import { curves, stepViews, type Curves, type StepView } from '../../models/run/search';
import { PERCENTILES, type Column } from '../../models/run/series';
import { hold, workerView, type Held, type WorkerView } from '../../models/run/shards';
import { percentilesOf, subsetKey, subsets } from '../../models/run/slos';
import { SPECTRUM, Spectrum, type HeatMap, type Lag } from '../../models/run/spectrum';
import { NO_TOTALS, totals, type PhaseTotal, type Totals } from '../../models/run/totals';
import type { RunFeed } from './feed.svelte';
import { Seconds } from './seconds.svelte';

/** How often what the stream does not tell is asked for. */
const SLOW_MS = 5_000;
const FAST_MS = 2_000;
/** The totals of a phase need no fine points. */
const TOTALS_POINTS = 60;
/** More the server does not give at once. */
const MOST_PERCENTILES = 16;
/** Enough for the largest run; the rest is not summed up. */
const MOST_WORKER_PAGES = 10;
const PAGE_SIZE = 1_000;
/** More marks could not be told apart; the oldest go. */
const MOST_EVENTS = 5_000;

type Samples = Awaited<ReturnType<typeof runs.getTargetActivity>>['samples'];

/** All that the live view of a run draws. */
export class LiveFeed {
  readonly seconds: Seconds;
  error = $state.raw<GauntletError | undefined>();
  totals = $state.raw<Totals>(NO_TOTALS);
  /** Of objectives that several operations share. */
  shared = $state.raw<ReadonlyMap<string, PhaseTotal>>(new Map());
  heatMap = $state.raw<HeatMap>({ x: [], rows: [], cells: [] });
  lag = $state.raw<Lag>({ x: [], p99Us: [], maxUs: [], droppedPerS: [] });
  events = $state.raw<readonly EventView[]>([]);
  errors = $state.raw<ErrorsView | undefined>();
  workers = $state.raw<readonly WorkerView[]>([]);
  /** Since the page was opened: the server does not keep it. */
  held = $state.raw<readonly Held[]>([]);
  activity = $state.raw<Activity | undefined>();
  steps = $state.raw<readonly StepView[]>([]);
  curves = $state.raw<Curves | undefined>();
  /** What the target costs per hour; 0 when not known. */
  pricePerHour = $state(0);

  readonly #run: RunFeed;
  readonly #spectrum = new Spectrum();
  #samples: Samples = [];
  #eventsBefore: EventView[] = [];
  #eventsToken = '';
  #fit: Parameters<typeof curves>[1];
  /** How many questions a lost connection left without an answer. */
  #unanswered = 0;
  /** Parts that this server does not have. */
  readonly #missing = new Set<string>();

  constructor(run: RunFeed) {
    this.#run = run;
    this.seconds = new Seconds(run);
  }

  get columns(): readonly Column[] {
    return this.seconds.columns;
  }

  get names(): readonly string[] {
    return this.seconds.names;
  }

  /** Follows all of it until the signal fires. */
  async follow(signal: AbortSignal): Promise<void> {
    this.error = undefined;
    this.#missing.clear();
    try {
      await Promise.all([
        this.#part('price', () => this.#readPrice(signal)),
        this.seconds.follow(signal),
        this.#repeat(FAST_MS, signal, async () => {
          await this.#part('workers', () => this.#readWorkers(signal));
          await this.#part('events', () => this.#readEvents(signal));
        }),
        this.#repeat(SLOW_MS, signal, async () => {
          await this.seconds.loaded;
          await this.#part('totals', () => this.#readTotals(signal));
          await this.#part('spectrum', () => this.#readSpectrum(signal));
          await this.#part('errors', async () => {
            this.errors = errorsView(await runs.getErrorSummary({ runId: this.#run.id }, { signal }));
          });
          await this.#part('steps', () => this.#readSteps(signal));
          await this.#part('activity', () => this.#readActivity(signal));
        }),
      ]);
    } catch (error) {
      if (!signal.aborted) {
        this.error = asError(error);
      }
    }
  }

  /** Asks again and again, the last time after the run's end. */
  async #repeat(everyMs: number, signal: AbortSignal, ask: () => Promise<void>): Promise<void> {
    const done = new AbortController();
    await poll(
      everyMs,
      async () => {
        const isLast = this.#run.run?.isOver ?? false;
        const before = this.#unanswered;
        await ask();
        if (isLast && this.#unanswered === before) {
          done.abort();
        }
      },
      AbortSignal.any([signal, done.signal]),
    );
  }

  /** What one part lacks does not take the others along. */
  async #part(name: string, read: () => Promise<void>): Promise<void> {
    if (this.#missing.has(name)) {
      return;
    }
    try {
      await read();
    } catch (error) {
      const failed = asError(error);
      if (failed.retryable) {
        this.#unanswered += 1;
        return;
      }
      this.#missing.add(name);
      const isAbsent = failed.code === Code.Unimplemented || failed.code === Code.NotFound;
      this.error = isAbsent ? this.error : failed;
    }
  }

  async #readTotals(signal: AbortSignal): Promise<void> {
    const { id: runId, objectives } = this.#run;
    const percentiles = [...new Set([...PERCENTILES, ...percentilesOf(objectives)])].slice(0, MOST_PERCENTILES);
    const asked = { runId, percentiles, maxPoints: TOTALS_POINTS };
    this.totals = totals(await runs.getMetrics(asked, { signal }));
    const shared = new Map<string, PhaseTotal>();
    for (const operations of subsets(objectives)) {
      const measured = totals(await runs.getMetrics({ ...asked, operations }, { signal })).get('MEASUREMENT');
      if (measured) {
        shared.set(subsetKey(operations), measured);
      }
    }
    this.shared = shared;
  }

  async #readSpectrum(signal: AbortSignal): Promise<void> {
    const { span } = this.seconds;
    if (!span) {
      return;
    }
    const next = this.#spectrum.next(span.firstUs, span.endUs);
    const answer = await runs.getMetrics(
      {
        runId: this.#run.id,
        range: { fromUs: BigInt(next.fromUs) },
        resolutionUs: BigInt(next.resolutionUs),
        percentiles: SPECTRUM,
        maxPoints: 2_000,
      },
      { signal },
    );
    this.#spectrum.take(answer, next);
    this.heatMap = this.#spectrum.heatMap;
    this.lag = this.#spectrum.lag;
  }

  async #readEvents(signal: AbortSignal): Promise<void> {
    for (;;) {
      const page = { pageSize: PAGE_SIZE, pageToken: this.#eventsToken };
      const answer = await runs.listEvents({ runId: this.#run.id, page }, { signal });
      const read = [...this.#eventsBefore, ...answer.events.map(eventView).filter(isSteering)].slice(-MOST_EVENTS);
      this.events = read;
      if (answer.nextPageToken === '') {
        return;
      }
      // Whole pages are not asked for again.
      this.#eventsBefore = read;
      this.#eventsToken = answer.nextPageToken;
    }
  }

  async #readWorkers(signal: AbortSignal): Promise<void> {
    const found: WorkerView[] = [];
    let pageToken = '';
    for (let page = 0; page < MOST_WORKER_PAGES; page += 1) {
      const answer = await workers.listWorkers({ page: { pageSize: PAGE_SIZE, pageToken } }, { signal });
      found.push(...answer.workers.filter((one) => one.runIds.includes(this.#run.id)).map(workerView));
      pageToken = answer.nextPageToken;
      if (pageToken === '') {
        break;
      }
    }
    this.workers = found;
    if (this.#run.run?.isUnderLoad) {
      this.held = hold(this.held, found, clock.nowUs);
    }
  }

  async #readSteps(signal: AbortSignal): Promise<void> {
    const { id: runId, run } = this.#run;
    if (!run?.isSearch) {
      return;
    }
    const { steps } = await runs.listSteps({ runId }, { signal });
    this.steps = stepViews(steps);
    if (run.isOver && run.processing === 'completed') {
      const { report } = await runs.getReport({ runId }, { signal });
      this.#fit = report?.search?.fit;
    }
    this.curves = curves(this.steps, this.#fit);
  }

  async #readActivity(signal: AbortSignal): Promise<void> {
    const isFull = this.#samples.length >= MOST_SAMPLES;
    const afterUs = isFull ? 0n : (this.#samples.at(-1)?.timeUs ?? 0n);
    const answer = await runs.getTargetActivity({ runId: this.#run.id, afterUs, maxPoints: MOST_SAMPLES / 2 }, { signal });
    this.#samples = isFull ? answer.samples : [...this.#samples, ...answer.samples];
    this.activity = activity(this.#samples);
  }

  async #readPrice(signal: AbortSignal): Promise<void> {
    const { run } = this.#run;
    if (run && run.target !== '') {
      const { target } = await targets.getTarget({ project: run.project, name: run.target }, { signal });
      this.pricePerHour = target?.pricePerHour ?? 0;
    }
  }
}

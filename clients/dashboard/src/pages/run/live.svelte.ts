import { Code, type GauntletError } from '@gauntlet/client';

import { asError, runs, targets } from '../../lib/api';
import { activity, MOST_SAMPLES, type Activity } from '../../models/run/activity';
import { covered, windowsOf, type PhaseWindow } from '../../models/run/cover';
import { errorsView, type ErrorsView } from '../../models/run/errors';
import { isSteering, type EventView } from '../../models/run/events';
import { figuresOf, figuresOfReport, NO_FIGURES, rangeOf, scopeOf, type Figures } from '../../models/run/figures';
import type { RunView } from '../../models/run/run';
import { curves, stepViews, type Curves, type StepView } from '../../models/run/search';
import { PERCENTILES, type Column } from '../../models/run/series';
import { percentilesOf, subsetKey, subsets } from '../../models/run/slos';
import { NO_HEAT, SPECTRUM, Spectrum, type HeatMap, type Lag } from '../../models/run/spectrum';
import type { PhaseTotal } from '../../models/run/totals';
import { EventReader } from './events';
import { until, type RunFeed } from './feed.svelte';
import { Seconds } from './seconds.svelte';

/** How often what the stream does not tell is asked for. */
const SLOW_MS = 5_000;
const FAST_MS = 2_000;
/** The figures of a phase need no fine points; those of a step begin and end with its seconds. */
const PHASE_POINTS = 60;
const STEP_POINTS = 2_000;
/** More the server does not give at once. */
const MOST_PERCENTILES = 16;

type Report = Awaited<ReturnType<typeof runs.getReport>>['report'];
type Samples = Awaited<ReturnType<typeof runs.getTargetActivity>>['samples'];

/** All that the live view of a run draws. */
export class LiveFeed {
  readonly seconds: Seconds;
  error = $state.raw<GauntletError | undefined>();
  /** Of the phase; with a search of the step under load, and then of the one that is judged. */
  figures = $state.raw<Figures>(NO_FIGURES);
  heatMap = $state.raw<HeatMap>(NO_HEAT);
  lag = $state.raw<Lag>({ x: [], p99Us: [], maxUs: [], droppedPerS: [] });
  events = $state.raw<readonly EventView[]>([]);
  errors = $state.raw<ErrorsView | undefined>();
  activity = $state.raw<Activity | undefined>();
  steps = $state.raw<readonly StepView[]>([]);
  curves = $state.raw<Curves | undefined>();
  /** What the target costs per hour; 0 when not known. */
  pricePerHour = $state(0);
  /** When each phase was, as far as it is known. */
  readonly windows: readonly PhaseWindow[] = $derived.by(() => windowsOf(this.events, this.#run.run));
  readonly columns: readonly Column[] = $derived.by(() => covered(this.seconds.columns, this.windows));

  readonly #run: RunFeed;
  readonly #events: EventReader;
  readonly #spectrum = new Spectrum();
  #samples: Samples = [];
  /** What the run was doing when its figures were read, and when that was. */
  #moment = '';
  #figuresAt = 0;
  /** How many questions a lost connection left without an answer. */
  #unanswered = 0;
  /** Parts that this server does not have. */
  readonly #missing = new Set<string>();

  constructor(run: RunFeed) {
    this.#run = run;
    this.seconds = new Seconds(run);
    this.#events = new EventReader(run.id, isSteering);
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
        this.#repeat(FAST_MS, signal, () =>
          this.#part('events', async () => {
            this.events = await this.#events.read(signal);
          }),
        ),
        this.#repeat(FAST_MS, signal, async () => {
          await this.seconds.loaded;
          await this.#part('steps', () => this.#readSteps(signal));
          await this.#part('figures', () => this.#readFigures(signal));
        }),
        this.#repeat(SLOW_MS, signal, async () => {
          await this.seconds.loaded;
          await this.#part('spectrum', () => this.#readSpectrum(signal));
          await this.#part('errors', async () => {
            this.errors = errorsView(await runs.getErrorSummary({ runId: this.#run.id }, { signal }));
          });
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
    const step = async (): Promise<boolean> => {
      const isLast = this.#run.isFinal;
      const before = this.#unanswered;
      await ask();
      return isLast && this.#unanswered === before;
    };
    await until(step, signal, everyMs);
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

  async #readFigures(signal: AbortSignal): Promise<void> {
    const { run, isFinal } = this.#run;
    // Those of a phase grow slowly; those of a new one, of a search's steps and of the end are wanted soon.
    const moment = `${run?.phase} ${isFinal}`;
    const isSoon = moment !== this.#moment || run?.isSearch || run?.isEnding;
    if (!run || (!isSoon && performance.now() - this.#figuresAt < SLOW_MS)) {
      return;
    }
    await this.#setFigures(run, signal);
    this.#moment = moment;
    this.#figuresAt = performance.now();
  }

  async #setFigures(run: RunView, signal: AbortSignal): Promise<void> {
    const { id: runId, objectives } = this.#run;
    const report = await this.#readReport(signal);
    if (report) {
      this.figures = figuresOfReport(report, objectives);
      return;
    }
    const measuredToUs = run.isOver ? Infinity : (this.seconds.span?.endUs ?? 0);
    const wanted = scopeOf(run, this.steps, measuredToUs);
    const range = rangeOf(wanted, measuredToUs);
    if (!range) {
      this.figures = { ...NO_FIGURES, scope: wanted };
      return;
    }
    const percentiles = [...new Set([...PERCENTILES, ...percentilesOf(objectives)])].slice(0, MOST_PERCENTILES);
    const points = wanted.range ? { resolutionUs: 1_000_000n, maxPoints: STEP_POINTS } : { maxPoints: PHASE_POINTS };
    const asked = { runId, percentiles, range, ...points };
    const { scope, total } = figuresOf(wanted, await runs.getMetrics(asked, { signal }), measuredToUs);
    const shared = new Map<string, PhaseTotal>();
    for (const operations of subsets(objectives)) {
      const part = figuresOf(scope, await runs.getMetrics({ ...asked, operations }, { signal }), measuredToUs).total;
      if (part) {
        shared.set(subsetKey(operations), part);
      }
    }
    this.figures = { scope, total, shared, verdicts: undefined };
  }

  /** What is judged at the end; `undefined` before. */
  async #readReport(signal: AbortSignal): Promise<Report> {
    const { id: runId, run } = this.#run;
    const isThere = run?.isOver && run.processing === 'completed';
    return isThere ? (await runs.getReport({ runId }, { signal })).report : undefined;
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
    if (answer.points.length === 0) {
      return;
    }
    this.#spectrum.take(answer, next);
    this.heatMap = this.#spectrum.heatMap(this.windows);
    this.lag = this.#spectrum.lag(this.windows);
  }

  async #readSteps(signal: AbortSignal): Promise<void> {
    const { id: runId, run } = this.#run;
    if (!run?.isSearch) {
      return;
    }
    const { steps } = await runs.listSteps({ runId }, { signal });
    const report = await this.#readReport(signal);
    if (steps.length === this.steps.length && !report) {
      return;
    }
    this.steps = stepViews(steps);
    this.curves = curves(this.steps, report?.search?.fit);
  }

  async #readActivity(signal: AbortSignal): Promise<void> {
    const isFull = this.#samples.length >= MOST_SAMPLES;
    const afterUs = isFull ? 0n : (this.#samples.at(-1)?.timeUs ?? 0n);
    const answer = await runs.getTargetActivity({ runId: this.#run.id, afterUs, maxPoints: MOST_SAMPLES / 2 }, { signal });
    if (answer.samples.length === 0) {
      return;
    }
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

import { FOR_EVER, gauntlet, runs, watch } from '../../lib/api';
import { clock } from '../../lib/clock.svelte';
import { PERCENTILES, plan, Series, type Column, type Plan } from '../../models/run/series';
import { until, type RunFeed } from './feed.svelte';

/** Stored seconds come by the hundred: they are drawn together. */
const BATCH_MS = 150;
/** What the server measured in ten minutes says when the load began. */
const PROBE_US = 600_000_000;
const MOST_POINTS = 2_000;

/** A run's seconds from its first to the newest; what is long past is coarse. */
export class Seconds {
  columns = $state.raw<readonly Column[]>([]);
  names = $state.raw<readonly string[]>([]);
  /** Everything that was measured before the page was opened is here. */
  isLoaded = $state(false);
  /** Resolved with `isLoaded`. */
  readonly loaded: Promise<void>;

  readonly #run: RunFeed;
  readonly #series = new Series();
  #setLoaded: () => void = () => undefined;
  #drawing: ReturnType<typeof setTimeout> | undefined;
  #isCoarsening = false;

  constructor(run: RunFeed) {
    this.#run = run;
    this.loaded = new Promise((resolve) => {
      this.#setLoaded = resolve;
    });
  }

  /** From when to when there are measurements, microseconds since the Unix epoch; `undefined` without any. */
  get span(): { firstUs: number; endUs: number } | undefined {
    const { firstUs, newest } = this.#series;
    return firstUs === undefined || !newest ? undefined : { firstUs, endUs: newest.timeUs + newest.lengthUs };
  }

  /** Follows the run to its end, or until the signal fires. */
  async follow(signal: AbortSignal): Promise<void> {
    await until(async () => {
      await this.#readPast(signal);
      return true;
    }, signal);
    await until(async () => {
      const isWhole = await this.#stream(signal);
      return isWhole && (this.#run.run?.isOver ?? false);
    }, signal);
  }

  /** Takes seconds to the end of the stream; `false` when the server left some out because the reader was slow. */
  async #stream(signal: AbortSignal): Promise<boolean> {
    // What is stored has them all: then the stream is opened anew at the gap.
    const gap = new AbortController();
    const open = (own: AbortSignal) =>
      gauntlet.metrics(this.#run.id, { signal: own, afterUs: this.#series.resumeAfterUs, ...FOR_EVER });
    await watch(
      open,
      (update) => {
        if (update.case === 'skipped') {
          gap.abort();
        } else if (update.case === 'point' && !gap.signal.aborted && this.#series.take(update.value)) {
          this.#draw(signal);
        } else if (update.case === 'snapshotDone') {
          this.isLoaded = true;
          this.#setLoaded();
          this.#draw(signal);
        }
      },
      AbortSignal.any([signal, gap.signal]),
    );
    return !gap.signal.aborted;
  }

  async #readPast(signal: AbortSignal): Promise<void> {
    const { id: runId, run } = this.#run;
    const endUs = run?.isOver ? run.endedUs : clock.nowUs;
    if (!run || run.startedUs === 0 || !plan(run.startedUs, endUs)) {
      return;
    }
    const probe = { runId, resolutionUs: BigInt(PROBE_US), maxPoints: MOST_POINTS, percentiles: [50] };
    const { points } = await runs.getMetrics(probe, { signal });
    const firstUs = Number(points[0]?.timeUs ?? 0);
    const wanted = firstUs > 0 ? plan(firstUs, endUs) : undefined;
    if (wanted) {
      await this.#readCoarse(wanted, signal);
    }
  }

  async #readCoarse(wanted: Plan, signal: AbortSignal): Promise<void> {
    const answer = await runs.getMetrics(
      {
        runId: this.#run.id,
        range: { toUs: BigInt(wanted.boundaryUs) },
        resolutionUs: BigInt(wanted.resolutionUs),
        percentiles: PERCENTILES,
        maxPoints: MOST_POINTS,
      },
      { signal },
    );
    this.#series.replacePast(answer.points, wanted);
    this.#draw(signal);
  }

  #draw(signal: AbortSignal): void {
    void this.#coarsen(signal);
    this.#drawing ??= setTimeout(
      () => {
        this.#drawing = undefined;
        this.columns = this.#series.columns;
        this.names = this.#series.names;
      },
      this.isLoaded ? 0 : BATCH_MS,
    );
  }

  async #coarsen(signal: AbortSignal): Promise<void> {
    const { wanted } = this.#series;
    if (!wanted || this.#isCoarsening) {
      return;
    }
    this.#isCoarsening = true;
    try {
      await this.#readCoarse(wanted, signal);
    } catch {
      // The next second asks again; until then the seconds stay as they are.
    } finally {
      this.#isCoarsening = false;
    }
  }
}

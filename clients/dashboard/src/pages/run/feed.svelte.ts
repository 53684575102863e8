import { Code, type GauntletError } from '@gauntlet/client';

import { asError, FOR_EVER, gauntlet, poll, runs, watch } from '../../lib/api';
import { clock } from '../../lib/clock.svelte';
import { runView, type RunView } from '../../models/run/run';
import { objectives, type Objective } from '../../models/run/slos';

/** The message that a run comes in; opaque to components. */
export type RunMessage = NonNullable<Awaited<ReturnType<typeof runs.getRun>>['run']>;

/** How long to wait before asking again what was not answered, or not finished. */
const AGAIN_MS = 1_000;

/** Asks until the answer is that all is done; a connection that is lost meanwhile is waited for. */
export async function until(ask: () => Promise<boolean>, signal: AbortSignal, everyMs = AGAIN_MS): Promise<void> {
  const done = new AbortController();
  const step = async (): Promise<void> => {
    if (await ask()) {
      done.abort();
    }
  };
  await poll(everyMs, step, AbortSignal.any([signal, done.signal]));
}

/** Asks again and again while the run goes on, and once more when it is over. */
export async function whileRunning(
  isOver: () => boolean,
  everyMs: number,
  ask: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const step = async (): Promise<boolean> => {
    const isLast = isOver();
    await ask();
    return isLast;
  };
  await until(step, signal, everyMs);
}

/** One run, as the server tells it, from now to its end. */
export class RunFeed {
  readonly id: string;
  run = $state.raw<RunView | undefined>();
  objectives = $state.raw<readonly Objective[]>([]);
  error = $state.raw<GauntletError | undefined>();
  /** Nothing of it changes any more: it is over, and its report was waited for. */
  isFinal = $state(false);
  /** There is no such run. */
  isUnknown = $state(false);
  #spec: RunMessage['spec'];

  constructor(id: string) {
    this.id = id;
  }

  /** What the run was made of; opaque to components. */
  get spec(): RunMessage['spec'] {
    return this.#spec;
  }

  /** Follows the run until the signal fires. */
  async follow(signal: AbortSignal): Promise<void> {
    this.error = undefined;
    this.isUnknown = false;
    try {
      await until(async () => {
        this.take((await runs.getRun({ runId: this.id }, { signal })).run);
        return true;
      }, signal);
      if (!this.run?.isOver && !signal.aborted) {
        const open = (own: AbortSignal) => gauntlet.watchRun(this.id, { signal: own, ...FOR_EVER });
        await watch(open, (now) => this.take(now), signal);
      }
      await this.#untilReported(signal);
      this.isFinal = this.run?.isOver ?? false;
    } catch (error) {
      if (!signal.aborted) {
        this.error = asError(error);
        this.isUnknown = this.error.code === Code.NotFound || this.error.code === Code.InvalidArgument;
      }
    }
  }

  /** Takes the run as an answer or the watch tells it. */
  take(run: RunMessage | undefined): void {
    if (!run) {
      return;
    }
    clock.set(run.serverTimeUs);
    if (run.spec) {
      this.#spec = run.spec;
      this.objectives = objectives(run.spec);
    }
    if (Number(run.revision) >= (this.run?.revision ?? 0)) {
      this.run = runView(run, this.#spec);
      this.isFinal ||= this.run.isOver && !this.#isMaking;
    }
  }

  get #isMaking(): boolean {
    return this.run?.processing === 'pending' || this.run?.processing === 'running';
  }

  /** The verdict comes with the report, after the last state that the watch tells. */
  async #untilReported(signal: AbortSignal): Promise<void> {
    if (!signal.aborted && this.#isMaking) {
      const { run } = await runs.getRun({ runId: this.id }, { signal });
      this.take(run);
    }
  }
}

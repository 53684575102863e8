import { Code, type GauntletError } from '@gauntlet/client';

import { asError, runs, targets, templates } from '../../lib/api';
import { toasts } from '../../lib/toast.svelte';
import { acknowledged, findingsView, type Findings } from '../../models/start/findings';
import { parseLabels } from '../../models/start/labels';
import { planOfRun, planOfTemplate, type Plan } from '../../models/start/plan';
import { preparedView, type Prepared } from '../../models/start/prepared';
import { requestId } from '../../models/start/request';

/** What shall be started. */
export type StartRequest = { kind: 'template'; project: string; name: string } | { kind: 'run'; runId: string };

/** What is being waited for. */
type Busy = '' | 'reading' | 'checking' | 'starting';

/** One dialog's way from a template, or a prepared run, to a run that is on its way. */
export class StartSession {
  plan = $state.raw<Plan | undefined>();
  prepared = $state.raw<Prepared | undefined>();
  findings = $state.raw<Findings | undefined>();
  accepted = $state.raw<ReadonlySet<string>>(new Set());
  error = $state.raw<GauntletError | undefined>();
  /** What is wrong with the name or the labels. */
  nameError = $state('');
  labelsError = $state('');
  busy = $state<Busy>('');
  name = $state('');
  labels = $state('');

  /** Whether the prepared run is this dialog's own and goes with it. */
  #isOwn = false;
  #isClosed = false;
  readonly #request: StartRequest;

  constructor(request: StartRequest) {
    this.#request = request;
    void this.read();
  }

  /** Reads what will run; a prepared run is checked at once. */
  async read(): Promise<void> {
    await this.#during('reading', async () => {
      const request = this.#request;
      if (request.kind === 'template') {
        const { template } = await templates.getTemplate({ project: request.project, name: request.name });
        if (template) {
          this.plan = planOfTemplate(template, await target(request.project, template.spec?.target ?? ''));
        }
        return;
      }
      const { run } = await runs.getRun({ runId: request.runId });
      if (run) {
        this.prepared = preparedView(run);
        this.plan = planOfRun(run, await target(run.project, run.spec?.target ?? ''));
      }
    });
    if (this.prepared?.isPrepared) {
      await this.check();
    }
  }

  /** Prepares the run if that is not done, and asks what a start would meet. */
  async check(): Promise<void> {
    const labels = parseLabels(this.labels);
    this.labelsError = labels.ok ? '' : labels.message;
    this.nameError = '';
    if (!labels.ok) {
      return;
    }
    await this.#during('checking', async () => {
      const prepared = this.prepared ?? (await this.#prepare(labels.labels));
      if (prepared && !this.#isClosed) {
        this.findings = findingsView(await runs.preflightRun({ runId: prepared.runId }));
      }
    });
  }

  /** Puts the run on its way; `undefined` when it is not. */
  async start(): Promise<string | undefined> {
    const { prepared, findings } = this;
    if (!prepared || !findings) {
      return undefined;
    }
    const { runId } = prepared;
    let isStarted = false;
    await this.#during('starting', async () => {
      try {
        await runs.startRun({ runId, acknowledgedFindings: acknowledged(findings, this.accepted) });
        isStarted = true;
      } catch (error) {
        isStarted = await this.#isOnItsWay(runId, asError(error));
        if (!isStarted) {
          throw error;
        }
      }
    });
    if (isStarted) {
      this.#isOwn = false;
      return runId;
    }
    return undefined;
  }

  accept(code: string, is: boolean): void {
    const accepted = new Set(this.accepted);
    if (is) {
      accepted.add(code);
    } else {
      accepted.delete(code);
    }
    this.accepted = accepted;
  }

  /** Gives up the run that was prepared, so that name and labels can be changed. */
  async back(): Promise<void> {
    await this.#during('checking', async () => {
      await this.#remove();
      this.findings = undefined;
      this.accepted = new Set();
    });
  }

  /** The person has left: a run that was prepared here and never started is removed. */
  close(): void {
    this.#isClosed = true;
    if (this.busy !== 'starting') {
      this.#remove().catch((error: unknown) => {
        toasts.say(`The run that was prepared is left behind; delete it in the list of runs. ${asError(error).message}`, 'failed');
      });
    }
  }

  async #prepare(labels: Record<string, string>): Promise<Prepared | undefined> {
    if (this.#request.kind !== 'template') {
      return undefined;
    }
    const { project, name: template } = this.#request;
    try {
      const { run } = await runs.createRun({ requestId: requestId(), project, template, name: this.name.trim(), labels });
      if (run) {
        this.#isOwn = true;
        this.prepared = preparedView(run);
      }
    } catch (error) {
      this.#place(asError(error));
      return undefined;
    }
    if (this.#isClosed) {
      await this.#remove();
    }
    return this.prepared;
  }

  /** Shows an error at the field that it is about. */
  #place(error: GauntletError): void {
    const at = (field: string): string =>
      error.violations.filter((violation) => violation.field.startsWith(field)).map((violation) => violation.message).join('; ');
    this.nameError = error.code === Code.AlreadyExists ? error.message : at('name');
    this.labelsError = at('labels');
    if (this.nameError === '' && this.labelsError === '') {
      throw error;
    }
  }

  /** After a lost answer: whether the start went through all the same. */
  async #isOnItsWay(runId: string, error: GauntletError): Promise<boolean> {
    if (!error.retryable) {
      // Something has changed since the check: what is found now is shown.
      this.findings = findingsView(await runs.preflightRun({ runId }).catch(() => Promise.reject(error)));
      return false;
    }
    const { run } = await runs.getRun({ runId }).catch(() => Promise.reject(error));
    return run !== undefined && !preparedView(run).isPrepared;
  }

  async #remove(): Promise<void> {
    const { prepared } = this;
    if (this.#isOwn && prepared) {
      this.#isOwn = false;
      try {
        await runs.deleteRun({ runId: prepared.runId });
      } catch (error) {
        // Somebody else was faster.
        if (asError(error).code !== Code.NotFound) {
          this.#isOwn = true;
          throw error;
        }
      }
      this.prepared = undefined;
    }
  }

  async #during(busy: Busy, work: () => Promise<void>): Promise<void> {
    this.busy = busy;
    this.error = undefined;
    try {
      await work();
    } catch (error) {
      this.error = asError(error);
    } finally {
      this.busy = '';
    }
  }
}

/** The target, for its address and price; a plan without them is better than none. */
async function target(project: string, name: string): Promise<Parameters<typeof planOfTemplate>[1]> {
  try {
    return (await targets.getTarget({ project, name })).target;
  } catch {
    return undefined;
  }
}

import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';

import { ProcessingStatus, RunStatus, Severity, StopReason, Validity, Verdict } from '../src/gen/gauntlet/v1/run_pb.js';
import { RunService } from '../src/gen/gauntlet/v1/run_service_pb.js';
import { TemplateService } from '../src/gen/gauntlet/v1/template_service_pb.js';
import { exitCode, type Gauntlet } from '../src/front.js';
import { RUN, scripted } from './scripted.js';

/** A control plane that notes what it is asked for. */
function noting(script: {
  faults?: { line: number; column: number; field: string; message: string }[];
  isStored?: boolean;
  findings?: { code: string; severity: Severity; message: string }[];
}): { gauntlet: Gauntlet; calls: string[] } {
  const calls: string[] = [];
  const gauntlet = scripted((router) => {
    router.service(TemplateService, {
      parseTemplate({ text }) {
        calls.push(`parse ${text}`);
        return { name: 'lookups', spec: {}, faults: script.faults ?? [] };
      },
      updateTemplate({ project, name, source }) {
        calls.push(`update ${project}/${name} from ${JSON.stringify(source)}`);
        if (!script.isStored) {
          throw new ConnectError('there is no template lookups', Code.NotFound);
        }
        return { template: { project, name, version: 7 } };
      },
      createTemplate({ project, name, source }) {
        calls.push(`create ${project}/${name} from ${JSON.stringify(source)}`);
        return { template: { project, name, version: 1 } };
      },
    });
    router.service(RunService, {
      createRun({ project, template, templateVersion, labels }) {
        calls.push(`run ${project}/${template}@${templateVersion} ${JSON.stringify(labels)}`);
        return { run: { runId: RUN } };
      },
      preflightRun: () => ({ findings: script.findings ?? [] }),
      startRun({ runId, acknowledgedFindings }) {
        calls.push(`start ${acknowledgedFindings.join(',')}`);
        return { run: { runId, status: RunStatus.STARTING } };
      },
      deleteRun() {
        calls.push('delete');
        return {};
      },
    });
  });
  return { gauntlet, calls };
}

describe('startRun', () => {
  it('stores the template, prepares, checks and starts', async () => {
    const { gauntlet, calls } = noting({});
    const { run } = await gauntlet.startRun({ yaml: 'name: lookups # why', labels: { a: 'b' } });
    expect(run.status).toBe(RunStatus.STARTING);
    expect(calls).toEqual([
      'parse name: lookups # why',
      'update default/lookups from "name: lookups # why"',
      'create default/lookups from "name: lookups # why"',
      'run default/lookups@1 {"a":"b"}',
      'start ',
    ]);
  });

  it('makes the next version of a stored template', async () => {
    const { gauntlet, calls } = noting({ isStored: true });
    await gauntlet.startRun({ yaml: 'x', template: 'mine', project: 'acme' });
    // The file is that of another template: what it says is stored, not the file.
    expect(calls).toEqual(['parse x', 'update acme/mine from ""', 'run acme/mine@7 {}', 'start ']);
  });

  it('stores what a file says, not the file, when it is very long', async () => {
    const { gauntlet, calls } = noting({ isStored: true });
    await gauntlet.startRun({ yaml: 'é'.repeat(128 * 1024) });
    expect(calls[1]).toContain('éé');
    await gauntlet.startRun({ yaml: `${'é'.repeat(128 * 1024)} ` });
    expect(calls[5]).toBe('update default/lookups from ""');
  });

  it('runs a stored template by its name', async () => {
    const { gauntlet, calls } = noting({});
    await gauntlet.startRun({ template: 'mine', version: 3 });
    expect(calls).toEqual(['run default/mine@3 {}', 'start ']);
  });

  it('tells the faults of a template with their places', async () => {
    const faults = [{ line: 3, column: 5, field: 'operations[0].weight', message: 'must be greater than 0' }];
    const { gauntlet, calls } = noting({ faults });
    await expect(gauntlet.startRun({ yaml: 'x' })).rejects.toMatchObject({
      name: 'TemplateError',
      message: 'the template cannot be used:\n  line 3, column 5: operations[0].weight: must be greater than 0',
      faults,
    });
    expect(calls).toEqual(['parse x']);
  });

  const severe = { code: 'CONNECTIONS_SHORT', severity: Severity.SEVERE, message: '8 of 100 connections are free' };
  const warning = { code: 'SHORT', severity: Severity.WARNING, message: 'the measurement is short' };

  it('removes a run whose severe findings are not acknowledged', async () => {
    const { gauntlet, calls } = noting({ findings: [severe, warning] });
    await expect(gauntlet.startRun({ template: 'mine', acknowledge: ['OTHER'] })).rejects.toMatchObject({
      name: 'FindingsError',
      message:
        'not started; mend it, or start with acknowledge: CONNECTIONS_SHORT:\n' +
        '  CONNECTIONS_SHORT: 8 of 100 connections are free',
      findings: [severe],
    });
    expect(calls.at(-1)).toBe('delete');
  });

  it.each([[['CONNECTIONS_SHORT']], ['all' as const]])('starts when %s is acknowledged', async (acknowledge) => {
    const { gauntlet, calls } = noting({ findings: [severe, warning] });
    const { findings } = await gauntlet.startRun({ template: 'mine', acknowledge });
    expect(findings).toHaveLength(2);
    expect(calls.at(-1)).toBe('start CONNECTIONS_SHORT');
  });

  it('cannot acknowledge what blocks', async () => {
    const { gauntlet } = noting({ findings: [{ ...severe, severity: Severity.BLOCKING }] });
    await expect(gauntlet.startRun({ template: 'mine', acknowledge: 'all' })).rejects.toThrow(
      'not started; mend it, then start again',
    );
  });
});

describe('report', () => {
  const ended = (run: object) =>
    scripted((router) =>
      router.service(RunService, {
        async *watchRun() {
          yield { update: { case: 'run', value: { runId: RUN, name: 'demo-1', revision: 1n, ...run } } };
        },
        getReport: () => ({ report: { runId: RUN, verdict: Verdict.PASS } }),
      }),
    );

  it('comes when the run is over', async () => {
    const gauntlet = ended({ status: RunStatus.COMPLETED, processing: ProcessingStatus.COMPLETED });
    const { run, report } = await gauntlet.report(RUN);
    expect([run.name, report.verdict]).toEqual(['demo-1', Verdict.PASS]);
  });

  it('is given up for the reason of the signal, while the run goes on', async () => {
    const ends = new AbortController();
    const gauntlet = scripted((router) =>
      router.service(RunService, {
        async *watchRun(_, { signal }) {
          yield { update: { case: 'run', value: { runId: RUN, status: RunStatus.RUNNING, revision: 1n } } };
          queueMicrotask(() => ends.abort());
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        },
      }),
    );
    await expect(gauntlet.report(RUN, { signal: ends.signal })).rejects.toMatchObject({ name: 'AbortError' });
    const reason = new Error('I have seen enough');
    await expect(gauntlet.report(RUN, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('is given up for the reason of the signal, while it is read', async () => {
    const ends = new AbortController();
    const reason = new Error('I have seen enough');
    const over = { status: RunStatus.COMPLETED, processing: ProcessingStatus.COMPLETED };
    const gauntlet = scripted((router) =>
      router.service(RunService, {
        async *watchRun() {
          yield { update: { case: 'run', value: { runId: RUN, revision: 1n, ...over } } };
        },
        getReport(_, { signal }) {
          queueMicrotask(() => ends.abort(reason));
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        },
      }),
    );
    await expect(gauntlet.report(RUN, { signal: ends.signal })).rejects.toBe(reason);
  });

  it.each([
    [
      { status: RunStatus.FAILED, processing: ProcessingStatus.SKIPPED, stopMessage: 'the target is away' },
      'run demo-1 failed: the target is away; it has no report: no load was sent',
    ],
    [
      { status: RunStatus.CANCELLED, processing: ProcessingStatus.FAILED, stopReason: StopReason.USER_ABORT },
      'run demo-1 cancelled: user abort; its report could not be made; try again with RunService.RetryProcessing',
    ],
  ])('says why there is none', async (run, message) => {
    await expect(ended(run).report(RUN)).rejects.toMatchObject({ name: 'NoReportError', message });
  });
});

describe('exitCode', () => {
  it.each([
    [RunStatus.COMPLETED, Validity.VALID, Verdict.PASS, 0],
    [RunStatus.COMPLETED, Validity.VALID, Verdict.UNSPECIFIED, 0],
    [RunStatus.STOPPED, Validity.VALID, Verdict.FAIL, 2],
    [RunStatus.COMPLETED, Validity.VALID, Verdict.INCONCLUSIVE, 3],
    [RunStatus.COMPLETED, Validity.INVALID, Verdict.FAIL, 4],
    [RunStatus.COMPLETED, Validity.UNSPECIFIED, Verdict.PASS, 4],
    [RunStatus.FAILED, Validity.VALID, Verdict.PASS, 1],
    [RunStatus.CANCELLED, Validity.VALID, Verdict.PASS, 5],
  ])('of status %d, validity %d, verdict %d is %d', (status, validity, verdict, code) => {
    type Args = Parameters<typeof exitCode>;
    expect(exitCode({ status } as Args[0], { validity, verdict } as Args[1])).toBe(code);
  });

  it('without a report is 1, or 5 when a person ended the run', () => {
    type Args = Parameters<typeof exitCode>;
    expect(exitCode({ status: RunStatus.COMPLETED } as Args[0])).toBe(1);
    expect(exitCode({ status: RunStatus.CANCELLED } as Args[0])).toBe(5);
  });
});

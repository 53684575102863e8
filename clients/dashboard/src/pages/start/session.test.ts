import { create } from '@bufbuild/protobuf';
import { Code, explain, GauntletError } from '@gauntlet/client';
import { beforeEach, describe, expect, test, vi } from 'vitest';

import { toasts } from '../../lib/toast.svelte';
import { PreflightRunResponseSchema, type PreflightRunResponse, type Run, RunSchema, RunStatus, Severity, TemplateSchema, type Template } from '../../lib/pb';

import { StartSession } from './session.svelte';

const { runs, targets, templates } = vi.hoisted(() => ({
  runs: {
    createRun: vi.fn<(request: { name: string; labels: Record<string, string> }) => Promise<{ run?: Run }>>(),
    deleteRun: vi.fn<(request: { runId: string }) => Promise<object>>(),
    getRun: vi.fn<() => Promise<{ run?: Run }>>(),
    preflightRun: vi.fn<() => Promise<PreflightRunResponse>>(),
    startRun: vi.fn<(request: { runId: string; acknowledgedFindings: string[] }) => Promise<object>>(),
  },
  targets: { getTarget: vi.fn<() => Promise<object>>() },
  templates: { getTemplate: vi.fn<() => Promise<{ template?: Template }>>() },
}));
vi.mock('../../lib/api', () => ({ runs, targets, templates, asError: (error: unknown) => explain(error) }));

const TEMPLATE = { kind: 'template', project: 'default', name: 'reads' } as const;
const away = new GauntletError({ kind: 'lost', code: Code.Unavailable, message: 'the connection broke', retryable: true });

function run(status = RunStatus.PREPARED): { run: Run } {
  return { run: create(RunSchema, { runId: 'r1', project: 'default', name: 'reads-1', template: 'reads', status }) };
}

function refusal(code: Code, field = ''): GauntletError {
  const violations = field === '' ? [] : [{ field, message: `${field} is wrong` }];
  return new GauntletError({ kind: 'refused', code, message: 'refused', violations });
}

function found(...severities: Severity[]): PreflightRunResponse {
  return create(PreflightRunResponseSchema, { findings: severities.map((severity, index) => ({ code: `CODE_${index}`, severity })) });
}

/** What happened at the server, in order. */
function calls(): string[] {
  return Object.entries({ ...runs })
    .flatMap(([name, { mock }]) => mock.invocationCallOrder.map((order) => ({ name, order })))
    .sort((one, other) => one.order - other.order)
    .map(({ name }) => name);
}

beforeEach(() => {
  vi.resetAllMocks();
  vi.useFakeTimers();
  toasts.all.forEach(({ id }) => toasts.close(id));
  templates.getTemplate.mockResolvedValue({ template: create(TemplateSchema, { name: 'reads', version: 3, spec: { target: 'db' } }) });
  targets.getTarget.mockRejectedValue(refusal(Code.NotFound));
  runs.createRun.mockResolvedValue(run());
  runs.deleteRun.mockResolvedValue({});
  runs.startRun.mockResolvedValue({});
  runs.preflightRun.mockResolvedValue(found());
});

async function opened(request: ConstructorParameters<typeof StartSession>[0] = TEMPLATE): Promise<StartSession> {
  const session = new StartSession(request);
  await vi.waitFor(() => expect(session.busy).toBe(''));
  return session;
}

async function checked(): Promise<StartSession> {
  const session = await opened();
  await session.check();
  return session;
}

describe('from a template', () => {
  test('nothing is prepared before the check, and what is prepared is started', async () => {
    const session = await opened();
    expect([session.plan?.target, session.error, calls()]).toEqual(['db', undefined, []]);
    session.name = ' mine ';
    session.labels = 'a=b';
    await session.check();
    expect(runs.createRun.mock.calls[0]?.[0]).toMatchObject({ name: 'mine', labels: { a: 'b' } });
    expect([session.prepared?.name, session.findings?.all]).toEqual(['reads-1', []]);
    expect(await session.start()).toBe('r1');
    session.close();
    expect(calls()).toEqual(['createRun', 'preflightRun', 'startRun']);
  });

  test('a second check prepares nothing anew', async () => {
    const session = await checked();
    await session.check();
    expect(calls()).toEqual(['createRun', 'preflightRun', 'preflightRun']);
  });

  test.each<[string, GauntletError, [string, string, string | undefined]]>([
    ['its name', refusal(Code.InvalidArgument, 'name'), ['name is wrong', '', undefined]],
    ['its labels', refusal(Code.InvalidArgument, 'labels["a"]'), ['', 'labels["a"] is wrong', undefined]],
    ['a name that exists', refusal(Code.AlreadyExists), ['refused', '', undefined]],
    ['something else', refusal(Code.NotFound), ['', '', 'refused']],
  ])('a run that cannot be prepared because of %s says so there', async (_, error, expected) => {
    runs.createRun.mockRejectedValue(error);
    const session = await checked();
    expect([session.nameError, session.labelsError, session.error?.message]).toEqual(expected);
    expect([session.prepared, session.findings, session.busy]).toEqual([undefined, undefined, '']);
  });

  test('labels that are none are not sent', async () => {
    const session = await opened();
    session.labels = 'a';
    await session.check();
    expect([session.labelsError, calls()]).toEqual(['"a" is no label; write key=value', []]);
  });
});

describe('what was prepared and not started', () => {
  test('goes with the dialog, once', async () => {
    const session = await checked();
    session.close();
    session.close();
    expect(runs.deleteRun.mock.calls).toEqual([[{ runId: 'r1' }]]);
  });

  test('goes when the dialog was closed while it was made', async () => {
    const session = await opened();
    const check = session.check();
    session.close();
    await check;
    expect(calls()).toEqual(['createRun', 'deleteRun']);
  });

  test('is given up for another name', async () => {
    const session = await checked();
    await session.back();
    expect([session.prepared, session.findings]).toEqual([undefined, undefined]);
    session.close();
    expect(calls()).toEqual(['createRun', 'preflightRun', 'deleteRun']);
  });

  test('stays, with what was found, when it cannot be given up; closing tries again', async () => {
    const session = await checked();
    runs.deleteRun.mockRejectedValueOnce(away);
    await session.back();
    expect([session.prepared?.name, session.findings?.all, session.error?.message]).toEqual(['reads-1', [], 'the connection broke']);
    session.close();
    expect(runs.deleteRun).toHaveBeenCalledTimes(2);
  });

  test('is no concern when somebody else deleted it', async () => {
    const session = await checked();
    runs.deleteRun.mockRejectedValue(refusal(Code.NotFound));
    await session.back();
    expect([session.prepared, session.error]).toEqual([undefined, undefined]);
  });

  test('is told of when it is left behind', async () => {
    const session = await checked();
    runs.deleteRun.mockRejectedValue(away);
    session.close();
    await vi.waitFor(() => expect(toasts.all.map(({ kind }) => kind)).toEqual(['failed']));
  });
});

describe('a run that waits for its start', () => {
  test('is checked at once, and is left alone by the dialog', async () => {
    runs.getRun.mockResolvedValue(run());
    const session = await opened({ kind: 'run', runId: 'r1' });
    await vi.waitFor(() => expect(session.findings).toBeDefined());
    session.close();
    expect(calls()).toEqual(['getRun', 'preflightRun']);
  });

  test('and is under way already is not checked', async () => {
    runs.getRun.mockResolvedValue(run(RunStatus.RUNNING));
    const session = await opened({ kind: 'run', runId: 'r1' });
    expect([session.prepared?.isPrepared, calls()]).toEqual([false, ['getRun']]);
  });
});

describe('a start', () => {
  test('names the findings that were accepted', async () => {
    runs.preflightRun.mockResolvedValue(found(Severity.SEVERE, Severity.SEVERE));
    const session = await checked();
    session.accept('CODE_0', true);
    session.accept('CODE_1', true);
    session.accept('CODE_0', false);
    await session.start();
    expect(runs.startRun.mock.calls[0]?.[0].acknowledgedFindings).toEqual(['CODE_1']);
  });

  test('that was refused shows what is found now', async () => {
    const session = await checked();
    runs.startRun.mockRejectedValue(refusal(Code.FailedPrecondition));
    runs.preflightRun.mockResolvedValue(found(Severity.BLOCKING));
    expect(await session.start()).toBe(undefined);
    expect([session.error?.message, session.findings?.all.map(({ blocking }) => blocking)]).toEqual(['refused', [true]]);
  });

  test.each([
    ['went through', RunStatus.STARTING, 'r1'],
    ['did not arrive', RunStatus.PREPARED, undefined],
  ])('whose answer was lost %s', async (_, status, expected) => {
    const session = await checked();
    runs.startRun.mockRejectedValue(away);
    runs.getRun.mockResolvedValue(run(status));
    expect(await session.start()).toBe(expected);
    expect(session.error?.message).toBe(expected === undefined ? 'the connection broke' : undefined);
    session.close();
    // One that is under way is nobody's to remove.
    expect(runs.deleteRun).toHaveBeenCalledTimes(expected === undefined ? 1 : 0);
  });
});

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { GauntletError, lost } from '../src/errors.js';
import { RunSchema, RunStatus } from '../src/gen/gauntlet/v1/run_pb.js';
import {
  RunService,
  StreamMetricsResponseSchema,
  WatchRunResponseSchema,
  WatchRunsResponseSchema,
} from '../src/gen/gauntlet/v1/run_service_pb.js';
import { PATIENCE_MS, resume, SILENCE_MS, type Source, type Update } from '../src/resume.js';
import { RUN, scripted } from './scripted.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const cut = () => new ConnectError('the store is away', Code.Unavailable);

/** Reads all values of a watch while the clock runs. */
async function values<T>(watch: AsyncIterable<Update<T>>): Promise<T[]> {
  const found: T[] = [];
  const reading = (async () => {
    for await (const { value } of watch) {
      if (value !== undefined) {
        found.push(value);
      }
    }
  })();
  let isDone = false;
  void reading.then(
    () => (isDone = true),
    () => (isDone = true),
  );
  while (!isDone) {
    await vi.advanceTimersByTimeAsync(50);
  }
  await reading;
  return found;
}

describe('a run', () => {
  const states = [1, 2, 3, 4].map((revision) =>
    create(RunSchema, {
      runId: RUN,
      revision: BigInt(revision),
      status: revision === 4 ? RunStatus.COMPLETED : RunStatus.RUNNING,
    }),
  );

  // The messages of one stream: states and what else comes between them.
  function stream(after: bigint): MessageInitShape<typeof WatchRunResponseSchema>[] {
    const later = states.filter(({ revision }) => revision > after);
    return later.flatMap((run) => [
      { update: { case: 'run' as const, value: run } },
      { update: { case: 'heartbeat' as const, value: {} } },
    ]);
  }

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])('comes whole when each stream is cut after %d messages', async (messages) => {
    let streams = 0;
    const gauntlet = scripted((router) =>
      router.service(RunService, {
        async *watchRun({ options }) {
          // A stream that gives nothing at all is cut only once.
          const most = messages === 0 && streams > 0 ? 1 : messages;
          streams += 1;
          for (const message of stream(options?.resumeFromRevision ?? 0n).slice(0, most)) {
            yield message;
          }
          throw cut();
        },
      }),
    );
    const seen = await values(gauntlet.watchRun(RUN));
    expect(seen.map(({ revision }) => revision)).toEqual([1n, 2n, 3n, 4n]);
  });

  it('goes on when a stream ends well before the run does', async () => {
    const gauntlet = scripted((router) =>
      router.service(RunService, {
        async *watchRun({ options }) {
          yield* stream(options?.resumeFromRevision ?? 0n).slice(0, 1);
        },
      }),
    );
    expect(await values(gauntlet.watchRun(RUN))).toHaveLength(4);
  });

  it('that does not exist is an error at once', async () => {
    const gauntlet = scripted((router) =>
      router.service(RunService, {
        async *watchRun() {
          throw new ConnectError('there is no run x', Code.NotFound);
        },
      }),
    );
    await expect(gauntlet.watchRun(RUN).next()).rejects.toThrow('there is no run x; look for it with: gauntlet list');
  });
});

describe('metrics', () => {
  // The phase changes in second 2.
  const points = [
    [1, 1],
    [2, 1],
    [2, 2],
    [3, 2],
  ].map(([timeUs, phase]) => ({ timeUs: BigInt(timeUs as number), phase: phase as number }));

  it.each([1, 2, 3, 4])('come once each when each stream is cut after %d messages', async (messages) => {
    let streams = 0;
    const gauntlet = scripted((router) =>
      router.service(RunService, {
        async *streamMetrics({ afterUs }): AsyncGenerator<MessageInitShape<typeof StreamMetricsResponseSchema>> {
          const later = points.filter(({ timeUs }) => timeUs > afterUs);
          // The newest second, two points at most, comes again after a cut.
          const most = streams === 0 ? messages : messages + 2;
          streams += 1;
          for (const value of later.slice(0, most)) {
            yield { update: { case: 'point', value } };
          }
          if (later.length > most) {
            throw cut();
          }
        },
      }),
    );
    const seen = await values(gauntlet.metrics(RUN));
    expect(seen.map((metric) => metric.case === 'point' && [metric.value.timeUs, metric.value.phase])).toEqual(
      points.map(({ timeUs, phase }) => [timeUs, phase]),
    );
  });
});

describe('a watch of runs', () => {
  const run = (id: string, revision: bigint): MessageInitShape<typeof WatchRunsResponseSchema> => ({
    update: { case: 'run', value: { run: { runId: id }, revision } },
  });
  const done = (revision: bigint): MessageInitShape<typeof WatchRunsResponseSchema> => ({
    update: { case: 'snapshotDone', value: { revision } },
  });

  /** What is told and asked for when streams with these messages are cut. */
  async function played(streams: MessageInitShape<typeof WatchRunsResponseSchema>[][]) {
    const asked: bigint[] = [];
    const gauntlet = scripted((router) =>
      router.service(RunService, {
        async *watchRuns({ options }) {
          const messages = streams[asked.length];
          asked.push(options?.resumeFromRevision ?? 0n);
          if (messages === undefined) {
            throw new ConnectError('enough', Code.NotFound);
          }
          yield* messages;
          throw cut();
        },
      }),
    );
    const told: string[] = [];
    const watch = gauntlet.watchRuns({ project: 'default' });
    const reading = (async () => {
      for await (const { value } of watch) {
        if (value !== undefined) {
          told.push(value.case === 'run' ? `${value.value.run?.runId}@${value.value.revision}` : value.case);
        }
      }
    })().catch(() => undefined);
    await vi.advanceTimersByTimeAsync(10_000);
    await reading;
    return { told, asked };
  }

  it('asks for a cut snapshot anew and takes back what it told', async () => {
    expect(await played([[run('a', 5n)], [run('a', 6n), run('b', 5n), done(6n)]])).toEqual({
      told: ['a@5', 'resync', 'a@6', 'b@5', 'snapshotDone'],
      asked: [0n, 0n, 6n],
    });
  });

  it('goes on from the newest change', async () => {
    expect(await played([[run('a', 5n), done(5n), run('b', 6n)], [run('c', 7n), done(7n)]])).toEqual({
      told: ['a@5', 'snapshotDone', 'b@6', 'c@7', 'snapshotDone'],
      asked: [0n, 6n, 7n],
    });
  });

  it('tells no change twice when the changes after a cut are cut, too', async () => {
    const { told, asked } = await played([
      [done(5n)],
      [run('b', 7n)],
      [run('a', 6n), run('b', 7n), done(7n)],
    ]);
    expect(told).toEqual(['snapshotDone', 'b@7', 'a@6', 'snapshotDone']);
    expect(asked).toEqual([0n, 5n, 5n, 7n]);
  });

  it('forgets its place at a resync', async () => {
    const resync: MessageInitShape<typeof WatchRunsResponseSchema> = {
      update: { case: 'resync', value: { message: 'restarted' } },
    };
    expect(await played([[done(5n)], [resync, run('a', 1n)], [run('a', 1n), done(1n)]])).toEqual({
      told: ['snapshotDone', 'resync', 'a@1', 'resync', 'a@1', 'snapshotDone'],
      asked: [0n, 5n, 0n, 1n],
    });
  });

  it('forgets its place at a resync in the middle of a stream', async () => {
    const resync: MessageInitShape<typeof WatchRunsResponseSchema> = {
      update: { case: 'resync', value: { message: 'too far behind' } },
    };
    const streams = [[done(5n), resync, run('a', 9n)], [run('a', 9n), run('b', 9n), done(9n)]];
    expect(await played(streams)).toEqual({
      told: ['snapshotDone', 'resync', 'a@9', 'resync', 'a@9', 'b@9', 'snapshotDone'],
      asked: [0n, 0n, 9n],
    });
  });
});

describe('resume', () => {
  /** A source of streams that are cut before the first message. */
  function failing(error: () => Error): Source<never, never> {
    return {
      async *open() {
        throw error();
      },
      take: () => [],
      isOver: () => false,
    };
  }

  it('tries with growing pauses until patience ends', async () => {
    const begun = performance.now();
    const times: number[] = [];
    const reading = (async () => {
      for await (const { interrupted } of resume(failing(() => lost('cut')))) {
        expect(interrupted).toBeInstanceOf(GauntletError);
        times.push(performance.now() - begun);
      }
    })().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await reading).toMatchObject({ kind: 'lost' });
    const pauses = times.slice(1).map((time, index) => time - (times[index] as number));
    expect(pauses.slice(0, 6)).toEqual([100, 200, 400, 800, 1600, 2000]);
    expect(performance.now() - begun).toBeGreaterThan(PATIENCE_MS);
  });

  it('takes a silent stream for dead', async () => {
    const silent: Source<never, never> = {
      async *open(signal) {
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
      },
      take: () => [],
      isOver: () => false,
    };
    const next = resume(silent).next();
    await vi.advanceTimersByTimeAsync(SILENCE_MS);
    expect((await next).value?.interrupted?.message).toContain('nothing came for 25 s');
  });

  it('ends without an error at the signal, while waiting and while pausing', async () => {
    for (const source of [failing(() => lost('cut')), waiting()]) {
      const controller = new AbortController();
      const all = (async () => {
        for await (const _ of resume(source, { signal: controller.signal })) {
          // Only the end counts.
        }
        return 'ended';
      })();
      await vi.advanceTimersByTimeAsync(10);
      controller.abort();
      expect(await all).toBe('ended');
    }
  });

  function waiting(): Source<never, never> {
    return {
      async *open() {
        await new Promise(() => undefined);
      },
      take: () => [],
      isOver: () => false,
    };
  }
});

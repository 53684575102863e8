// What every client for JavaScript does: be refused, make a run, follow it to its end, read what came of it.
import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";

import { RunPhase, RunStatus } from "../../clients/typescript/src/gen/gauntlet/v1/run_pb";
import { ExportFormat, RunService } from "../../clients/typescript/src/gen/gauntlet/v1/run_service_pb";
import { TargetService } from "../../clients/typescript/src/gen/gauntlet/v1/target_service_pb";
import { BadRequestSchema, ResourceInfoSchema } from "../../clients/typescript/src/gen/google/rpc/error_details_pb";

const PROJECT = "default";
const NOBODY = "018f0000-0000-7000-8000-000000000000";
// No single call or stream may take longer, milliseconds.
const PATIENCE = 60_000;

/** Counts the calls of a transport that it is given to. */
export class Counter {
  calls = 0;

  readonly interceptor: Interceptor = (next) => (request) => {
    this.calls += request.stream ? 0 : 1;
    return next(request);
  };
}

/** One client with one protocol. */
export interface Client {
  readonly name: string;
  readonly transport: Transport;
  readonly counter: Counter;
}

/** Makes a client; the transport is to carry the interceptors and is to end its calls. */
export function newClient(
  name: string,
  transport: (options: { interceptors: Interceptor[]; defaultTimeoutMs: number }) => Transport,
): Client {
  const counter = new Counter();
  const options = { interceptors: [counter.interceptor], defaultTimeoutMs: PATIENCE };
  return { name, transport: transport(options), counter };
}

/** Walks with one client; says what it did. */
export async function walk(walker: Client, template: string): Promise<string> {
  const { name: client, transport } = walker;
  const name = someName(client);
  const refusals = await refused(transport);
  const targets = createClient(TargetService, transport);
  const address = { case: "sqlite", value: { path: "/nowhere/bench.db" } } as const;
  const { target } = await targets.createTarget({ target: { project: PROJECT, name, address } });
  expect([target?.name, target?.address.case], [name, "sqlite"]);

  const runs = createClient(RunService, transport);
  const created = await runs.createRun({ project: PROJECT, template, name, labels: { client } });
  const runId = some(created.run).runId;
  const started = await runs.startRun({ runId });
  expect(started.run?.status, RunStatus.STARTING);
  const listed = await runs.listRuns({ project: PROJECT, page: { pageSize: 1 } });
  expect([listed.runs[0]?.runId, listed.runs[0]?.labels], [runId, { client }]);

  const states = await watched(transport, runId);
  const { points, succeeded } = await measured(transport, runId);
  const bytes = await exported(transport, runId);
  const { report } = await runs.getReport({ runId });
  expect(report?.total?.succeeded, succeeded);
  expect(points > 0 && succeeded > 0n, true);
  return (
    `${refusals} refusals with details, ${states} states of a run, ` +
    `${points} points of ${succeeded} operations, a file of ${bytes} bytes`
  );
}

/** Two calls and a stream that the server refuses, with details that the client can read. */
async function refused(transport: Transport): Promise<number> {
  const runs = createClient(RunService, transport);
  const bad = await refusal(runs.listRuns({ project: "Not A Project" }));
  expect(bad.code, Code.InvalidArgument);
  const violations = bad.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations);
  expect(violations.map((violation) => violation.field), ["project"]);
  const absent = await refusal(runs.getRun({ runId: NOBODY }));
  // A stream that ends before its first message.
  const watch = await refusal(first(runs.watchRun({ runId: NOBODY })));
  for (const error of [absent, watch]) {
    expect(error.code, Code.NotFound);
    const resources = error.findDetails(ResourceInfoSchema);
    expect(resources.map((resource) => [resource.resourceType, resource.resourceName]), [["run", NOBODY]]);
  }
  return 3;
}

async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("the server accepted what it must refuse");
}

/** The states of the run, in order, to its end, which ends the stream. */
async function watched(transport: Transport, runId: string): Promise<number> {
  const states = [];
  let snapshots = 0;
  for await (const { update } of createClient(RunService, transport).watchRun({ runId })) {
    snapshots += update.case === "snapshotDone" ? 1 : 0;
    if (update.case === "run") {
      states.push(update.value);
    }
  }
  expect(snapshots, 1);
  states.reduce((before, state) => {
    expect(state.revision > before, true);
    return state.revision;
  }, 0n);
  const last = some(states.at(-1));
  expect([last.phase, last.status], [RunPhase.DONE, RunStatus.COMPLETED]);
  return states.length;
}

/** How many points a run that is over has, and how many operations they count. */
async function measured(transport: Transport, runId: string): Promise<{ points: number; succeeded: bigint }> {
  let points = 0;
  let succeeded = 0n;
  for await (const { update } of createClient(RunService, transport).streamMetrics({ runId })) {
    expect(update.case === "skipped", false);
    if (update.case === "point") {
      points += 1;
      succeeded += some(update.value.total).succeeded;
    }
  }
  return { points, succeeded };
}

/** The run as a file: bytes in pieces after a header; how many there are. */
async function exported(transport: Transport, runId: string): Promise<number> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let [bytes, content] = [0, ""];
  const request = { runId, format: ExportFormat.JSON };
  for await (const { part } of createClient(RunService, transport).exportRun(request)) {
    if (part.case === "header") {
      expect([bytes, part.value.contentType], [0, "application/json"]);
    } else if (part.case === "chunk") {
      bytes += part.value.length;
      content += decoder.decode(part.value, { stream: true });
    }
  }
  expect((JSON.parse(content) as { run: { id: string } }).run.id, runId);
  return bytes;
}

/** A DNS label that nobody else uses. */
export function someName(client: string): string {
  const label = client.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 40);
  return `${label}-${Math.random().toString(36).slice(2, 10)}`;
}

export function expect(found: unknown, expected: unknown): void {
  const [one, other] = [found, expected].map((value) =>
    JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? part.toString() : part)),
  );
  if (one !== other) {
    throw new Error(`expected ${other}, found ${one}`);
  }
}

export function some<T>(value: T | undefined): T {
  if (value === undefined) {
    throw new Error("the answer lacks its message");
  }
  return value;
}

async function first<T>(messages: AsyncIterable<T>): Promise<T | undefined> {
  for await (const message of messages) {
    return message;
  }
  return undefined;
}

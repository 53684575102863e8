// Walks with connect-es on Node.js over each of its transports, one line of output each.
//
// Usage: node main.mjs URL TEMPLATE
import { randomUUID } from "node:crypto";

import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";

import type { WorkerMessageSchema } from "../../../clients/typescript/src/gen/gauntlet/v1/worker_pb";
import { WorkerService, WorkerStatus } from "../../../clients/typescript/src/gen/gauntlet/v1/worker_service_pb";
import { type Client, expect, newClient, some, someName, walk } from "../walk";

type Up = MessageInitShape<typeof WorkerMessageSchema>;

interface NodeClient extends Client {
  /** Whether streams may go both ways at once. */
  readonly bothWays: boolean;
}

function everyClient(baseUrl: string): NodeClient[] {
  const one = { baseUrl, httpVersion: "1.1" } as const;
  const two = { baseUrl, httpVersion: "2" } as const;
  const client = (name: string, transport: Parameters<typeof newClient>[1], bothWays = false): NodeClient => ({
    ...newClient(`connect-node ${name}`, transport),
    bothWays,
  });
  const connect =
    (options: Parameters<typeof createConnectTransport>[0]): Parameters<typeof newClient>[1] =>
    (more) =>
      createConnectTransport({ ...options, ...more });
  return [
    client("CONNECT JSON HTTP/1", connect({ ...one, useBinaryFormat: false })),
    client("CONNECT protobuf GET HTTP/1", connect({ ...one, useBinaryFormat: true, useHttpGet: true })),
    client("CONNECT JSON GET HTTP/2", connect({ ...two, useBinaryFormat: false, useHttpGet: true }), true),
    client("CONNECT protobuf HTTP/2", connect({ ...two, useBinaryFormat: true }), true),
    client("GRPC protobuf HTTP/2", (more) => createGrpcTransport({ baseUrl, ...more }), true),
    client("GRPC-WEB protobuf HTTP/1", (more) => createGrpcWebTransport({ ...one, ...more })),
    client("GRPC-WEB protobuf HTTP/2", (more) => createGrpcWebTransport({ ...two, ...more })),
  ];
}

/** Attaches as a worker, beats once, is sent home and leaves. */
async function work({ name, transport }: NodeClient): Promise<string> {
  const workers = createClient(WorkerService, transport);
  const workerId = randomUUID();
  const statuses = async () => {
    const listed = await workers.listWorkers({ page: { pageSize: 1000 } });
    return listed.workers.filter((worker) => worker.workerId === workerId).map((worker) => worker.status);
  };
  const up = new Mailbox<Up>();
  const hello = { protocolMin: 2, protocolMax: 2, workerId, name: someName(name), capacity: 1, processors: 1 };
  up.put({ message: { case: "hello", value: { ...hello, version: "0.0.0" } } });
  const down = workers.attach(up)[Symbol.asyncIterator]();
  const next = async () => (await down.next()).value?.message;

  const welcome = some(await next());
  expect(welcome.case === "welcome" && welcome.value.protocol, 2);
  expect(await statuses(), [WorkerStatus.IDLE]);
  const sentUs = BigInt(Date.now()) * 1000n;
  up.put({ message: { case: "heartbeat", value: { sentUs } } });
  const reply = some(await next());
  expect(reply.case === "heartbeatReply" && reply.value.sentUs, sentUs);
  const message = "the walk is over";
  const drained = await workers.drainWorker({ workerId, message });
  expect(drained.worker?.status, WorkerStatus.DRAINING);
  const drain = some(await next());
  expect(drain.case === "drain" && drain.value.message, message);
  // Goodbye is enough: the server ends the stream, and only then does the client.
  up.put({ message: { case: "goodbye", value: { message } } });
  expect((await down.next()).done, true);
  up.end();
  expect(await statuses(), [WorkerStatus.GONE]);
  return "a worker's welcome, heartbeat, drain and goodbye";
}

/** Messages that are sent when there is something to say. What was put and not yet sent is one message here. */
class Mailbox<T> implements AsyncIterable<T> {
  private readonly messages: T[] = [];
  private over = false;
  private wake: () => void = () => {};

  put(message: T): void {
    this.messages.push(message);
    this.wake();
  }

  end(): void {
    this.over = true;
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    while (true) {
      const message = this.messages.shift();
      if (message !== undefined) {
        yield message;
      } else if (this.over) {
        return;
      } else {
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    }
  }
}

const [url, template] = [some(process.argv[2]), some(process.argv[3])];
for (const client of everyClient(url)) {
  try {
    const walked = await walk(client, template);
    const worked = client.bothWays ? await work(client) : "no worker";
    console.log(`${client.name}: ${client.counter.calls} calls, ${walked}; ${worked}`);
  } catch (error) {
    console.log(`${client.name}: FAILED with ${error}`);
    process.exitCode = 1;
  }
}
// Sessions of HTTP/2 stay open for the next call.
process.exit();

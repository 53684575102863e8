// What a web page of another origin does: it walks with connect-web over each of its transports. A page from a host
// that the server does not trust tries, too, and must fail.
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";

import { type Client, newClient, some, walk } from "../walk";

/** One thing that the page did, for its own server. */
export interface Told {
  readonly line: string;
  readonly passed: boolean;
}

function everyClient(baseUrl: string): Client[] {
  const connect = (options: { useBinaryFormat: boolean; useHttpGet: boolean }): Parameters<typeof newClient>[1] => {
    return (more) => createConnectTransport({ baseUrl, ...options, ...more });
  };
  return [
    newClient("browser CONNECT JSON", connect({ useBinaryFormat: false, useHttpGet: false })),
    newClient("browser CONNECT protobuf GET", connect({ useBinaryFormat: true, useHttpGet: true })),
    newClient("browser GRPC-WEB protobuf", (more) => createGrpcWebTransport({ baseUrl, ...more })),
  ];
}

async function trusted(server: string, template: string): Promise<void> {
  for (const client of everyClient(server)) {
    try {
      const walked = await walk(client, template);
      const calls = client.counter.calls;
      await tell({ line: `${client.name} from ${location.origin}: ${calls} calls, ${walked}`, passed: true });
    } catch (error) {
      await tell({ line: `${client.name}: FAILED with ${error}`, passed: false });
    }
  }
}

/** The browser may send what needs no leave, but neither shows the page the answer nor sends a call. */
async function stranger(server: string): Promise<void> {
  const health = `${server}/healthz`;
  const outcomes = await Promise.allSettled([
    fetch(health, { mode: "no-cors" }),
    fetch(health),
    fetch(`${server}/gauntlet.v1.RunService/ListRuns`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ project: "default" }),
    }),
  ]);
  const kept = outcomes.map((outcome) => outcome.status).join() === "fulfilled,rejected,rejected";
  const line = kept ? "is kept from reading and from calling" : `FAILED: ${JSON.stringify(outcomes)}`;
  await tell({ line: `browser from ${location.origin}: ${line}`, passed: kept });
}

async function tell(told: Told): Promise<void> {
  await fetch("/told", { method: "POST", body: JSON.stringify(told) });
}

const query = new URLSearchParams(location.search);
const server = some(query.get("server") ?? undefined);
const template = query.get("template");
if (template === null) {
  await stranger(server);
} else {
  await trusted(server, template);
}
// Where to go on; the driver ends the browser at its own page "/over".
location.assign(some(query.get("then") ?? undefined));

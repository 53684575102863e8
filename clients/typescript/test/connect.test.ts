import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { connect as connectWeb, VERSION } from '../src/index.js';
import { connect as connectNode } from '../src/node.js';
import { RUN } from './scripted.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

/** A web server that is no control plane; gives its address. */
async function website(status: number): Promise<string> {
  const page = createServer((_, response) => {
    response.writeHead(status, { 'content-type': 'text/html' }).end('<!doctype html><title>A page</title>');
  });
  server = page;
  await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
}

const clients = [
  ['fetch, Connect', (url: string) => connectWeb(url, { transport: 'connect' })],
  ['fetch, gRPC-Web', (url: string) => connectWeb(url)],
  ['Node.js, Connect', (url: string) => connectNode(url)],
  ['Node.js, gRPC', (url: string) => connectNode(url, { transport: 'grpc' })],
  ['Node.js, gRPC-Web', (url: string) => connectNode(url, { transport: 'grpc-web' })],
] as const;

describe.each(clients)('%s', (_, connect) => {
  it('says that nobody answers', async () => {
    const url = await website(200);
    await new Promise((resolve) => server?.close(resolve));
    const message = `no control plane answers at ${url}; start one with: gauntlet up`;
    await expect(connect(url).runs.getRun({ runId: RUN })).rejects.toThrow(message);
    const { value } = await connect(url).watchRun(RUN).next();
    expect(value?.interrupted?.message).toBe(message);
  });

  it.each([200, 404])('knows a web page with status %d from a control plane', async (status) => {
    const url = await website(status);
    await expect(connect(url).runs.getRun({ runId: RUN })).rejects.toMatchObject({ kind: 'not-gauntlet' });
    await expect(connect(url).watchRun(RUN).next()).rejects.toThrow('is no control plane of gauntlet');
  });
});

// gRPC does not pass by a proxy of HTTP/1.1.
const overHttp1 = clients.filter(([name]) => name !== 'Node.js, gRPC');
it.each(overHttp1)('%s waits for a control plane behind a proxy', async (_, connect) => {
  const url = await website(503);
  const { value } = await connect(url).watchRun(RUN).next();
  expect(value?.interrupted?.retryable).toBe(true);
});

it('has the version of the package', () => {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  expect(VERSION).toBe((JSON.parse(text) as { version: string }).version);
});

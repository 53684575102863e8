/** gauntlet's API for Node.js. */
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';

import { address } from './address.js';
import { Gauntlet } from './gauntlet.js';
import { bearer, explaining } from './transport.js';

export * from './front.js';

/** How to speak with a control plane. */
export interface ConnectOptions {
  /** The protocol; Connect when left out. */
  readonly transport?: 'connect' | 'grpc' | 'grpc-web';
  /** Who calls. Not sent in the clear to another machine. */
  readonly token?: string;
  /** The certificates (PEM) that vouch for a control plane at `https`, beside those of the system. */
  readonly ca?: string | Buffer;
  /** Ends all watches. */
  readonly signal?: AbortSignal;
}

/**
 * The control plane at an address like `http://127.0.0.1:8090`. No connection
 * is opened before the first call. Throws a `GauntletError` when the address
 * cannot be used.
 */
export function connect(url: string, { transport = 'connect', token, ca, signal }: ConnectOptions = {}): Gauntlet {
  const baseUrl = address(url, token);
  const nodeOptions = ca === undefined ? {} : { ca };
  const common = { baseUrl, interceptors: bearer(token) };
  const inner = {
    connect: () => createConnectTransport({ ...common, httpVersion: '1.1', nodeOptions }),
    grpc: () => createGrpcTransport({ ...common, nodeOptions }),
    'grpc-web': () => createGrpcWebTransport({ ...common, httpVersion: '1.1', nodeOptions }),
  }[transport]();
  return new Gauntlet(explaining(inner, { url, hasToken: token !== undefined }), signal);
}

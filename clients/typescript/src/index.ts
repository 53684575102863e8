/**
 * gauntlet's API for browsers, and for whatever else has `fetch`. Programs on
 * Node.js take `connect` from `@gauntlet/client/node`, which speaks gRPC, too.
 */
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';

import { address } from './address.js';
import { Gauntlet } from './gauntlet.js';
import { bearer, explaining, strictFetch } from './transport.js';

export * from './front.js';

/** How to speak with a control plane. */
export interface ConnectOptions {
  /** The protocol; gRPC-Web when left out. */
  readonly transport?: 'connect' | 'grpc-web';
  /** Who calls. Not sent in the clear to another machine. */
  readonly token?: string;
  /** Ends all watches. */
  readonly signal?: AbortSignal;
}

/**
 * The control plane at an address like `http://127.0.0.1:8090`. No connection
 * is opened before the first call. Throws a `GauntletError` when the address
 * cannot be used.
 */
export function connect(url: string, { transport = 'grpc-web', token, signal }: ConnectOptions = {}): Gauntlet {
  const baseUrl = address(url, token);
  const options = { baseUrl, interceptors: bearer(token), fetch: strictFetch };
  const inner = transport === 'connect' ? createConnectTransport(options) : createGrpcWebTransport(options);
  return new Gauntlet(explaining(inner, { url, hasToken: token !== undefined }), signal);
}

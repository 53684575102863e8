/** A control plane in this process that plays what a test scripts. */
import { type ConnectRouter, createRouterTransport } from '@connectrpc/connect';

import { Gauntlet } from '../src/gauntlet.js';
import { explaining } from '../src/transport.js';

export const RUN = '0198f4c2-0000-7000-8000-000000000001';

/** A client of scripted services. */
export function scripted(routes: (router: ConnectRouter) => void): Gauntlet {
  return new Gauntlet(explaining(createRouterTransport(routes), { url: 'http://127.0.0.1:8090' }));
}

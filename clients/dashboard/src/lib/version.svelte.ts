import { VERSION } from '@gauntlet/client';

import { server } from './api';

let served = $state('');

/** Which gauntlet this page is of, and which answers. */
export const version = {
  /** The server's version when it is another than the page's; empty otherwise. */
  get other(): string {
    return served !== '' && served !== VERSION ? served : '';
  },
  /** Asks the server; a server that does not say is no reason to worry a person. */
  async check(): Promise<void> {
    try {
      served = (await server.getServer({})).server?.version ?? '';
    } catch {
      served = '';
    }
  },
};

import { GauntletError } from './errors.js';

/**
 * Checks the address of a control plane and gives it without a slash at its end.
 * A token is not sent in the clear to another machine.
 */
export function address(url: string, token?: string): string {
  const parsed = parse(url);
  if (token !== undefined && parsed.protocol === 'http:' && !isLoopback(parsed.hostname)) {
    throw new GauntletError({
      kind: 'bad-address',
      message: `${url} is not encrypted: everybody on the way could read the token; use https, or leave the token out`,
    });
  }
  return parsed.href.replace(/\/+$/, '');
}

function parse(url: string): URL {
  let parsed: URL | undefined;
  try {
    parsed = new URL(url);
  } catch {
    // Said below.
  }
  if (parsed === undefined || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new GauntletError({
      kind: 'bad-address',
      message: `"${url}" is not the address of a control plane; give one like http://127.0.0.1:8090`,
    });
  }
  return parsed;
}

/** Whether a host name is this machine: what is sent there is on no wire. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

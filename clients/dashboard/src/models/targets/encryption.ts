import { type PostgresAddress, SslMode } from '../../lib/pb';

/** Whether connections are encrypted, in libpq's words. */
export type Mode = (typeof MODES)[number]['mode'];

/** Every mode, with what it asks of the server. */
export const MODES = [
  { mode: 'disable', label: 'Not encrypted', wire: SslMode.DISABLE, checks: false },
  { mode: 'require', label: 'Encrypted, the server is not checked', wire: SslMode.REQUIRE, checks: false },
  { mode: 'verify-ca', label: 'Encrypted, from the authority given, for any host', wire: SslMode.VERIFY_CA, checks: true },
  { mode: 'verify-full', label: 'Encrypted, from a trusted authority and for this host', wire: SslMode.VERIFY_FULL, checks: true },
] as const;

export function modeOf({ sslMode }: PostgresAddress): Mode {
  return MODES.find(({ wire }) => wire === sslMode)?.mode ?? 'disable';
}

export function wireMode(of: Mode): SslMode {
  return MODES.find(({ mode }) => mode === of)?.wire ?? SslMode.UNSPECIFIED;
}

/** What to write as the root certificate: authorities that a system trusts sign for anybody, so they do only with the host's name. */
export function rootHelp(of: Mode): string {
  const help = "PEM of the authority that the server's certificate is from";
  return of === 'verify-full' ? `${help}; empty for those that the machine of the workers trusts` : help;
}

/** Whether the server's certificate is held against authorities. */
export function checksServer(of: Mode): boolean {
  return MODES.some(({ mode, checks }) => mode === of && checks);
}

/** For a reader: the mode and whose authorities are believed, never the certificate itself. */
export function encryptionWords(of: Mode, rootCertificate: string): string {
  const label = MODES.find(({ mode }) => mode === of)?.label ?? of;
  if (!checksServer(of)) {
    return `${label} (${of})`;
  }
  return `${label} (${of}, ${rootCertificate === '' ? "the system's authorities" : 'by the root certificate given'})`;
}

/** What stands behind an address; nothing without encryption. */
export function modeSuffix(address: PostgresAddress): string {
  const mode = modeOf(address);
  return mode === 'disable' ? '' : `?sslmode=${mode}`;
}

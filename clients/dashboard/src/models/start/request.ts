/** A new id that makes a call repeatable. `crypto.randomUUID` is missing where the page came without TLS. */
export function requestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

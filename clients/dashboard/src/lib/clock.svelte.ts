let offsetUs = 0;
let nowUs = $state(Date.now() * 1_000);

/** The server's clock, as far as its messages tell; it ticks four times a second. */
export const clock = {
  /** Microseconds since the Unix epoch. */
  get nowUs(): number {
    return nowUs;
  },
  /** Takes the time of a message that has just come; the journey makes it late by half a round trip. */
  set(serverTimeUs: bigint): void {
    if (serverTimeUs > 0n) {
      offsetUs = Number(serverTimeUs) - Date.now() * 1_000;
      nowUs = Number(serverTimeUs);
    }
  },
};

setInterval(() => {
  if (!document.hidden) {
    nowUs = Date.now() * 1_000 + offsetUs;
  }
}, 250);

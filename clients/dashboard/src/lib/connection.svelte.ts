import { Code, type GauntletError, type Kind } from '@gauntlet/client';

/** Nobody answers, or somebody else does. */
const SILENT: readonly Kind[] = ['offline', 'unreachable', 'lost', 'not-gauntlet'];

let lost = $state<GauntletError | undefined>();

/** Whether the server answers; the banner shows it. */
export const connection = {
  /** Why the server does not answer; `undefined` while it does. */
  get lost(): GauntletError | undefined {
    return lost;
  },
  /** An answer came. */
  reached(): void {
    lost = undefined;
  },
  /** A call failed: only what says that nobody answers is a lost connection. */
  judge(error: GauntletError): void {
    // What this page ended itself says nothing.
    if (error.code === Code.Canceled) {
      return;
    }
    lost = SILENT.includes(error.kind) ? error : undefined;
  },
};

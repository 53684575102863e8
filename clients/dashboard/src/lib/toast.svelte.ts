/** A short word about something that was done or failed. */
export interface Toast {
  id: number;
  text: string;
  kind: 'done' | 'failed';
}

/** More would cover the page; the oldest goes. */
const MOST = 4;
const SHOWN_MS = 8_000;

let next = 1;
let shown = $state<Toast[]>([]);

export const toasts = {
  get all(): readonly Toast[] {
    return shown;
  },
  say(text: string, kind: Toast['kind'] = 'done'): void {
    const toast = { id: next, text, kind };
    next += 1;
    shown = [...shown, toast].slice(-MOST);
    setTimeout(() => toasts.close(toast.id), SHOWN_MS);
  },
  close(id: number): void {
    shown = shown.filter((toast) => toast.id !== id);
  },
};

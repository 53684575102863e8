/** Labels as people type them: `key=value`, separated by commas or lines. */

export type Labels = { ok: true; labels: Record<string, string> } | { ok: false; message: string };

export function parseLabels(text: string): Labels {
  const labels: Record<string, string> = {};
  for (const part of text.split(/[,\n]/).map((each) => each.trim())) {
    if (part === '') {
      continue;
    }
    const at = part.indexOf('=');
    const key = part.slice(0, Math.max(0, at)).trim();
    if (key === '') {
      return { ok: false, message: `"${part}" is no label; write key=value` };
    }
    if (Object.hasOwn(labels, key)) {
      return { ok: false, message: `the label ${key} is there twice` };
    }
    labels[key] = part.slice(at + 1).trim();
  }
  return { ok: true, labels };
}

export function formatLabels(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(', ');
}

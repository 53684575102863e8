/** No comparison holds more. */
export const MOST = 5;

/** The runs of a link, the baseline first; each once. */
export function chosenRuns(text: string | null): string[] {
  const ids = (text ?? '').split(',').map((id) => id.trim()).filter((id) => id !== '');
  return [...new Set(ids)].slice(0, MOST);
}

/** The same runs with another baseline. */
export function withBaseline(ids: readonly string[], id: string): string[] {
  return [id, ...ids.filter((one) => one !== id)];
}

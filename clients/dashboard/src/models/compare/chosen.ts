/** No comparison holds more. */
export const MOST = 5;

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The runs of a link, the baseline first; each once. What is no id is left out. */
export function chosenRuns(text: string | null): string[] {
  const ids = (text ?? '').split(',').map((id) => id.trim()).filter((id) => ID.test(id));
  return [...new Set(ids)].slice(0, MOST);
}

/** The same runs with another baseline. */
export function withBaseline(ids: readonly string[], id: string): string[] {
  return [id, ...ids.filter((one) => one !== id)];
}

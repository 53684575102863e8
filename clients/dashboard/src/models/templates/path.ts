/**
 * Places in a document by the API's spelling, like `operations[1].weight`: the same words name a field of the form, a
 * violation of the server and a key of the template file.
 */

export type Json = string | number | boolean | null | Json[] | Doc;
/** A template's spec in the shape of its file: plain data, never changed in place. */
export interface Doc {
  [key: string]: Json;
}

/** The steps of a path: keys and positions. */
export function steps(path: string): (string | number)[] {
  return [...path.matchAll(/[^.[\]]+|\[(\d+)\]/g)].map(([step, index]) => (index === undefined ? step : Number(index)));
}

export function isDoc(value: Json | undefined): value is Doc {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is at a path; `undefined` when nothing is. */
export function read(doc: Doc, path: string): Json | undefined {
  let at: Json | undefined = doc;
  for (const step of steps(path)) {
    if (Array.isArray(at) && typeof step === 'number') {
      at = at[step];
    } else if (isDoc(at) && typeof step === 'string' && Object.hasOwn(at, step)) {
      at = at[step];
    } else {
      return undefined;
    }
  }
  return at;
}

/** The document with another value at a path; `undefined` takes it away. What is missing on the way is made. */
export function write(doc: Doc, path: string, value: Json | undefined): Doc {
  const changed = put(doc, steps(path), value);
  return isDoc(changed) ? changed : {};
}

function put(at: Json | undefined, [step, ...rest]: (string | number)[], value: Json | undefined): Json | undefined {
  if (step === undefined) {
    return value;
  }
  if (typeof step === 'number') {
    const list = Array.isArray(at) ? [...at] : [];
    const inner = put(list[step], rest, value);
    if (inner === undefined) {
      list.splice(step, 1);
    } else {
      list[step] = inner;
    }
    return list;
  }
  const copy: Doc = isDoc(at) ? { ...at } : {};
  const inner = put(copy[step], rest, value);
  if (inner === undefined) {
    delete copy[step];
  } else {
    copy[step] = inner;
  }
  return copy;
}

/** Whether two documents say the same; a number may be given as its text, as inputs have it. */
export function isSame(one: Json | undefined, other: Json | undefined): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((entry, index) => isSame(entry, other[index]));
  }
  if (isDoc(one) && isDoc(other)) {
    const keys = Object.keys(one);
    return keys.length === Object.keys(other).length && keys.every((key) => isSame(one[key], other[key]));
  }
  const isNumber = typeof one === 'number' || typeof other === 'number';
  return one === other || (isNumber && String(one) === String(other));
}

/** The text of a scalar for an input; empty when there is none. */
export function textAt(doc: Doc, path: string): string {
  const value = read(doc, path);
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

export function listAt(doc: Doc, path: string): Json[] {
  const value = read(doc, path);
  return Array.isArray(value) ? value : [];
}

/** Which of the alternatives is there: the key of a oneof. */
export function caseAt(doc: Doc, path: string, cases: readonly string[]): string {
  return cases.find((each) => read(doc, path === '' ? each : `${path}.${each}`) !== undefined) ?? '';
}

/** The list with an entry moved by one place up (-1) or down (1). */
export function moved<T>(list: readonly T[], from: number, by: -1 | 1): T[] {
  const to = from + by;
  const copy = [...list];
  const [entry] = copy.splice(from, 1);
  if (entry === undefined || to < 0 || to >= list.length) {
    return [...list];
  }
  copy.splice(to, 0, entry);
  return copy;
}

/**
 * The field of the form that a violation belongs to: the one it names, or the nearest that holds it. Requests have the
 * spec under `spec`, files have it at the top. `undefined`: the form has none.
 */
export function fieldOf(violation: string, known: ReadonlySet<string>): string | undefined {
  let path = violation.replace(/^spec(\.|$)/, '');
  while (path !== '') {
    if (known.has(path)) {
      return path;
    }
    path = path.replace(/(\.[^.[\]]+|\[\d+\]|^[^.[\]]+)$/, '');
  }
  return undefined;
}

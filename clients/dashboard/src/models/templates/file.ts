/** A template as a file's text, beside what the server makes of it. */
import type { FormatTemplateRequest, ParseTemplateResponse } from '../../lib/pb';

import { toDoc } from './doc';
import type { Doc } from './path';

/** One thing that is wrong with a text. */
export interface Fault {
  /** Counts from 1; 0 when it concerns the whole text. */
  line: number;
  /** Counts from 1; 0 when it concerns the whole text. */
  column: number;
  /** The field; empty when it is none. */
  field: string;
  message: string;
}

/** What the server read. */
export interface Parsed {
  name: string;
  project: string;
  /** `undefined` when the text could not be read. */
  doc: Doc | undefined;
  faults: Fault[];
}

export function parsed(response: ParseTemplateResponse): Parsed {
  return {
    name: response.name,
    project: response.project,
    doc: response.spec && toDoc(response.spec),
    faults: response.faults.map(({ line, column, field, message }) => ({ line, column, field, message })),
  };
}

/** What a template and a project may be called. */
const LABEL = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
const PROJECT = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?(\/[a-z]([a-z0-9-]{0,61}[a-z0-9])?){0,2}$/;

/** What is wrong with a name; empty when it is good. */
export function nameFault(name: string): string {
  if (name === '') {
    return 'give it a name';
  }
  return LABEL.test(name) ? '' : 'a name begins with a lower case letter, then letters, digits and hyphens, up to 63';
}

export function projectFault(project: string): string {
  return project === '' || PROJECT.test(project) ? '' : 'a project is one to three names joined by /';
}

/** Stands for a name that cannot be written by the server while it is being typed. */
const STAND_IN = 'unnamed';

/** The names for FormatTemplate: it takes good ones only. */
export function writable(name: string, project: string): Pick<FormatTemplateRequest, 'name' | 'project'> {
  return { name: nameFault(name) === '' ? name : STAND_IN, project: projectFault(project) === '' ? project : '' };
}

/** The server's text with the name as it was typed. */
export function withName(text: string, name: string): string {
  if (nameFault(name) === '') {
    return text;
  }
  return text.replace(/^name:.*$/m, () => (name === '' ? 'name: ""' : `name: ${JSON.stringify(name)}`));
}

/** The longest file that the server keeps beside what it says, in bytes. */
const LONGEST_SOURCE = 256 * 1024;

/** A file to be kept with a template; nothing when it is too long. */
export function keepable(text: string): string {
  return new TextEncoder().encode(text).length <= LONGEST_SOURCE ? text : '';
}

/** A file for a template of another name; all else stays, or the whole file where its name stands in an unusual place. */
export function renamed(text: string, name: string): string {
  return text.replace(/^(name:[ \t]+)[^\s#]\S*/m, (_, key: string) => `${key}${name}`);
}

/** Whether a text has comments, which the form cannot keep. A `#` within quotes or in a text of several lines is none. */
export function hasComments(text: string): boolean {
  /** The column that a text of several lines stands behind; -1 outside of one. */
  let margin = -1;
  for (const line of text.split('\n')) {
    const indent = line.search(/\S/);
    if (indent < 0 || (margin >= 0 && indent > margin)) {
      continue;
    }
    const bare = line.replace(/(?<=^|[\s[{,])(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')/g, '""');
    if (/(?:^|\s)#/.test(bare)) {
      return true;
    }
    const begin = /^(\s*(?:-\s+)*)(.*?)[|>][-+\d]*\s*$/.exec(bare);
    margin = !begin || !/(?:^|:\s+)$/.test(begin[2] ?? '') ? -1 : begin[2] === '' ? indent : (begin[1] ?? '').length;
  }
  return false;
}

/** The place in a text, in characters from its start, of a line and column that count from 1. */
export function offsetOf(text: string, line: number, column: number): number {
  let start = 0;
  for (let at = 1; at < line; at += 1) {
    const end = text.indexOf('\n', start);
    if (end < 0) {
      return text.length;
    }
    start = end + 1;
  }
  const end = text.indexOf('\n', start);
  return Math.min(start + Math.max(0, column - 1), end < 0 ? text.length : end);
}

import type { GauntletError } from '@gauntlet/client';

import { asError, templates } from '../../lib/api';
import { toSpec, type Wrong } from '../../models/templates/doc';
import { hasComments, keepable, parsed, withName, writable, type Fault } from '../../models/templates/file';
import { isSame, write, type Doc, type Json } from '../../models/templates/path';

/** So long after the last key the server is asked what it thinks. */
const CALM_MS = 400;
/** A server that does not answer is asked again after so long. */
const AGAIN_MS = 3_000;

/** Who wrote a text: a person, we for them to begin with, or the server, from what it describes. */
export type Author = 'person' | 'starter' | 'server';

/** A text as it was written, with what the server made of it. */
interface Written {
  text: string;
  author: Author;
  doc: Doc;
  name: string;
  project: string;
}

/**
 * A template being written, as a text and as a document. The text is the truth: what the form changes is written by the
 * server as a text anew, and what is typed there is read by the server into the document.
 */
export class Draft {
  text = $state('');
  doc = $state.raw<Doc>({});
  name = $state('');
  project = $state('');
  /** What the server finds wrong with the text. */
  faults = $state.raw<readonly Fault[]>([]);
  /** What was typed in the form and cannot be written. */
  wrong = $state.raw<readonly Wrong[]>([]);
  /** Whether the text could be read: the form shows the document of the last that could. */
  isReadable = $state(false);
  /** Why the server could not be asked. */
  failed = $state.raw<GauntletError | undefined>();
  /** Whether the newest change has yet to be looked at. */
  isPending = $state(false);

  #saved = $state('');
  #author = $state<Author>('server');
  /** What the form began with: a change that is taken back brings it back. */
  #written: Written | undefined;
  #changedBy: 'text' | 'form' = 'text';
  /** Counts changes; an answer to an older one is dropped. */
  #edition = 0;
  #seen = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stop = new AbortController();

  get isDirty(): boolean {
    return this.text !== this.#saved || (this.isPending && this.#changedBy === 'form') || this.wrong.length > 0;
  }

  /** The file to be kept with the template, as it was written; nothing where the server can write it just as well. */
  get source(): string {
    return this.#author === 'server' ? '' : keepable(this.text);
  }

  /** Whether there are comments of a person, which a change in the form loses. */
  get isCommented(): boolean {
    return this.#author === 'person' && hasComments(this.text);
  }

  /** Everything that is wrong, to be shown at its field. */
  get complaints(): readonly Wrong[] {
    return this.wrong.length > 0 ? this.wrong : this.faults;
  }

  /** Begins with a text; it counts as saved, so that only changes to it are asked about. */
  begin(text: string, author: Author): void {
    this.#saved = text;
    this.type(text);
    this.#author = author;
    void this.settle();
  }

  /** What is here is stored now. */
  saved(): void {
    this.#saved = this.text;
  }

  /** The text was changed by hand. */
  type(text: string): void {
    this.text = text;
    this.#author = 'person';
    this.#change('text');
  }

  /** The form changed a field. */
  set(path: string, value: Json | undefined): void {
    this.put(write(this.doc, path, value));
  }

  /** The form changed several fields at once. */
  put(doc: Doc): void {
    this.doc = doc;
    this.#change('form');
  }

  rename(name: string): void {
    this.name = name;
    this.#change('form');
  }

  move(project: string): void {
    this.project = project;
    this.#change('form');
  }

  /** Waits until text and document say the same, or the server cannot be asked. */
  async settle(): Promise<void> {
    clearTimeout(this.#timer);
    let isLooking = true;
    while (isLooking && this.#seen !== this.#edition && !this.#stop.signal.aborted) {
      isLooking = await this.#look();
    }
    this.isPending = this.#seen !== this.#edition;
  }

  /** What the store refused, to be shown like the faults of the text until the next change. */
  blame(wrong: readonly Wrong[]): void {
    this.faults = wrong.map(({ field, message }) => ({ line: 0, column: 0, field: field.replace(/^spec\./, ''), message }));
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#stop.abort();
  }

  #change(by: 'text' | 'form'): void {
    this.#changedBy = by;
    this.#edition += 1;
    this.isPending = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.settle(), CALM_MS);
  }

  /** Asks the server about the newest change; false when it cannot be asked. */
  async #look(): Promise<boolean> {
    const edition = this.#edition;
    try {
      if (this.#changedBy === 'form') {
        await this.#lookAtForm(edition);
      } else {
        await this.#lookAtText(edition);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        this.failed = asError(error);
        if (this.failed.retryable) {
          this.#timer = setTimeout(() => void this.settle(), AGAIN_MS);
        }
      }
      return false;
    }
    this.failed = undefined;
    if (edition === this.#edition) {
      this.#seen = edition;
    }
    return true;
  }

  async #lookAtText(edition: number): Promise<void> {
    const found = parsed(await templates.parseTemplate({ text: this.text }, { signal: this.#stop.signal }));
    if (edition !== this.#edition) {
      return;
    }
    this.wrong = [];
    this.faults = found.faults;
    this.isReadable = found.doc !== undefined;
    if (found.doc) {
      this.doc = found.doc;
      this.name = found.name;
      this.project = found.project;
      this.#written = { text: this.text, author: this.#author, doc: found.doc, name: found.name, project: found.project };
    }
  }

  /** Writes the text anew; the document stays as it was typed. */
  async #lookAtForm(edition: number): Promise<void> {
    const { spec, wrong } = toSpec(this.doc);
    this.wrong = wrong;
    if (wrong.length > 0) {
      return;
    }
    const { text, author } = this.#asWritten() ?? { text: await this.#format(spec), author: 'server' };
    const found = parsed(await templates.parseTemplate({ text }, { signal: this.#stop.signal }));
    if (edition === this.#edition) {
      this.text = text;
      this.#author = author;
      this.faults = found.faults;
    }
  }

  /** What was written, while the form says the same. */
  #asWritten(): Written | undefined {
    const was = this.#written;
    return was && was.name === this.name && was.project === this.project && isSame(was.doc, this.doc) ? was : undefined;
  }

  async #format(spec: ReturnType<typeof toSpec>['spec']): Promise<string> {
    const { name, project } = this;
    const { text } = await templates.formatTemplate({ ...writable(name, project), spec }, { signal: this.#stop.signal });
    return withName(text, name);
  }
}

/** What is stored of a template, as a text: the file that it was made from, or what the server writes of it. */
export interface Stored {
  version: number;
  etag: string;
  text: string;
  author: Author;
}

export async function storedText(of: { project: string; name: string }, signal?: AbortSignal): Promise<Stored> {
  const options = signal ? { signal } : {};
  const { template } = await templates.getTemplate(of, options);
  if (!template?.spec) {
    return { version: 0, etag: '', text: '', author: 'server' };
  }
  const { version, etag, spec, source } = template;
  if (source !== '') {
    return { version, etag, text: source, author: 'person' };
  }
  const { text } = await templates.formatTemplate({ name: of.name, project: '', spec }, options);
  return { version, etag, text, author: 'server' };
}


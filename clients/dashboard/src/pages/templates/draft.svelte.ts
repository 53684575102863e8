import type { GauntletError } from '@gauntlet/client';

import { asError, templates } from '../../lib/api';
import { toSpec, type Wrong } from '../../models/templates/doc';
import { parsed, withName, writable, type Fault } from '../../models/templates/file';
import { write, type Doc, type Json } from '../../models/templates/path';

/** So long after the last key the server is asked what it thinks. */
const CALM_MS = 400;
/** A server that does not answer is asked again after so long. */
const AGAIN_MS = 3_000;

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
  #changedBy: 'text' | 'form' = 'text';
  /** Counts changes; an answer to an older one is dropped. */
  #edition = 0;
  #seen = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stop = new AbortController();

  get isDirty(): boolean {
    return this.text !== this.#saved || (this.isPending && this.#changedBy === 'form') || this.wrong.length > 0;
  }

  /** Everything that is wrong, to be shown at its field. */
  get complaints(): readonly Wrong[] {
    return this.wrong.length > 0 ? this.wrong : this.faults;
  }

  /** Begins with a text; it counts as saved, so that only changes to it are asked about. */
  begin(text: string): void {
    this.#saved = text;
    this.type(text);
    void this.settle();
  }

  /** What is here is stored now. */
  saved(): void {
    this.#saved = this.text;
  }

  /** The text was changed by hand. */
  type(text: string): void {
    this.text = text;
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
    }
  }

  /** Writes the text anew; the document stays as it was typed. */
  async #lookAtForm(edition: number): Promise<void> {
    const { spec, wrong } = toSpec(this.doc);
    this.wrong = wrong;
    if (wrong.length > 0) {
      return;
    }
    const { name, project } = this;
    const written = await templates.formatTemplate({ ...writable(name, project), spec }, { signal: this.#stop.signal });
    const text = withName(written.text, name);
    const found = parsed(await templates.parseTemplate({ text }, { signal: this.#stop.signal }));
    if (edition === this.#edition) {
      this.text = text;
      this.faults = found.faults;
    }
  }
}

/** What is stored of a template, as a text. */
export interface Stored {
  version: number;
  etag: string;
  text: string;
}

export async function storedText(of: { project: string; name: string }, signal?: AbortSignal): Promise<Stored> {
  const options = signal ? { signal } : {};
  const { template } = await templates.getTemplate(of, options);
  if (!template?.spec) {
    return { version: 0, etag: '', text: '' };
  }
  const { text } = await templates.formatTemplate({ name: of.name, project: '', spec: template.spec }, options);
  return { version: template.version, etag: template.etag, text };
}


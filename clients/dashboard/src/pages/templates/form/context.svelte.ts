import { getContext, setContext, untrack } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';

import { fieldOf, type Doc, type Json } from '../../../models/templates/path';
import type { Draft } from '../draft.svelte';

import { catalogOf, type Catalog } from './catalog.svelte';

const KEY = Symbol('form');

/** What the fields of the form share. */
export class FormContext {
  readonly catalog: Catalog = catalogOf();
  readonly #draft: Draft;
  /** How many inputs show a path: those that are there now. */
  readonly #fields = new SvelteMap<string, number>();
  readonly #errors = $derived.by(() => this.#sorted());

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  get draft(): Draft {
    return this.#draft;
  }

  get doc(): Doc {
    return this.#draft.doc;
  }

  set(path: string, value: Json | undefined): void {
    this.#draft.set(path, value);
  }

  errorAt(path: string): string | undefined {
    return this.#errors.at.get(path);
  }

  /** What is wrong at no field of the form. */
  get others(): readonly string[] {
    return this.#errors.others;
  }

  /** The first field with an error, in the order of the page. */
  focusFirst(): void {
    const wrong = [...document.querySelectorAll('[data-field]')].find(
      (element) => element instanceof HTMLElement && this.#errors.at.has(element.dataset['field'] ?? ''),
    );
    if (wrong instanceof HTMLElement) {
      wrong.closest('details')?.setAttribute('open', '');
      wrong.scrollIntoView({ block: 'center' });
      wrong.focus({ preventScroll: true });
    }
  }

  /** An input shows this path for as long as the returned function is not called. */
  register(path: string): () => void {
    this.#count(path, 1);
    return () => this.#count(path, -1);
  }

  /** Called by effects, which must not run again for what they change here. */
  #count(path: string, by: 1 | -1): void {
    untrack(() => {
      const left = (this.#fields.get(path) ?? 0) + by;
      if (left === 0) {
        this.#fields.delete(path);
      } else {
        this.#fields.set(path, left);
      }
    });
  }

  #sorted(): { at: Map<string, string>; others: string[] } {
    const known = new Set(this.#fields.keys());
    const at = new Map<string, string>();
    const others: string[] = [];
    for (const { field, message } of this.#draft.complaints) {
      const path = fieldOf(field, known);
      if (path === undefined) {
        others.push(field === '' ? message : `${field}: ${message}`);
      } else {
        const before = at.get(path);
        at.set(path, before === undefined ? message : `${before}; ${message}`);
      }
    }
    return { at, others };
  }
}

export function provideForm(draft: Draft): FormContext {
  return setContext(KEY, new FormContext(draft));
}

export function form(): FormContext {
  return getContext<FormContext>(KEY);
}

/** The id of the input of a path. */
export function idOf(path: string): string {
  return `field-${path}`;
}

import { Code, type GauntletError } from '@gauntlet/client';

import { asError, templates } from '../../lib/api';
import { toasts } from '../../lib/toast.svelte';
import { requestId } from '../../models/start/request';
import { toSpec } from '../../models/templates/doc';

import { storedText, type Draft, type Stored } from './draft.svelte';

/** Where a template is stored. */
export interface Place {
  project: string;
  name: string;
}

/** The way of a draft into the store: a new template, or the next version of one. */
export class Saving {
  /** The version that the draft follows; `undefined` for a new template. */
  base = $state.raw<Stored | undefined>();
  busy = $state(false);
  /** Why it was not stored, where no field is to blame. */
  refused = $state.raw<GauntletError | undefined>();
  /** What somebody else has stored meanwhile. */
  theirs = $state.raw<Stored | undefined>();
  readonly #draft: Draft;

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  /** Stores the draft; says where it is then, or `undefined` when something is wrong: with a field, or with the call. */
  async save(of: Place | undefined, project: string): Promise<Place | undefined> {
    const draft = this.#draft;
    this.busy = true;
    this.refused = undefined;
    try {
      await draft.settle();
      if (of && draft.name !== of.name) {
        draft.blame([{ field: 'name', message: `the template is called ${of.name}; clone it for another name` }]);
      }
      if (of && draft.project !== '' && draft.project !== of.project) {
        draft.blame([{ field: 'project', message: `the template is in the project ${of.project}; clone it for another one` }]);
      }
      this.refused = draft.failed;
      return draft.failed || draft.complaints.length > 0 ? undefined : await this.#store(of, draft.project || project);
    } catch (error) {
      await this.#refuse(asError(error), of).catch((another: unknown) => {
        this.refused = asError(another);
      });
      return undefined;
    } finally {
      this.busy = false;
    }
  }

  /** Makes mine the version after theirs. */
  async overwrite(of: Place | undefined, project: string): Promise<Place | undefined> {
    this.base = this.theirs;
    this.theirs = undefined;
    return this.save(of, project);
  }

  /** Drops mine. */
  takeTheirs(): void {
    this.base = this.theirs;
    this.#draft.begin(this.theirs?.text ?? '', this.theirs?.author ?? 'server');
    this.theirs = undefined;
  }

  async #store(of: Place | undefined, project: string): Promise<Place | undefined> {
    const draft = this.#draft;
    const { spec } = toSpec(draft.doc);
    const { source } = draft;
    const { template } = of
      ? await templates.updateTemplate({ ...of, spec, source, etag: this.base?.etag ?? '' })
      : await templates.createTemplate({ requestId: requestId(), project, name: draft.name, spec, source });
    if (template) {
      draft.saved();
      const isSame = template.version === this.base?.version;
      toasts.say(isSame ? `Nothing has changed: version ${template.version} stays.` : `${template.name}, version ${template.version}, is saved.`);
    }
    return template;
  }

  /** A refusal is shown at its fields; a lost race asks whose version it shall be. */
  async #refuse(error: GauntletError, of: Place | undefined): Promise<void> {
    if (error.code === Code.Aborted && of) {
      this.theirs = await storedText(of);
    } else if (error.violations.length > 0) {
      this.#draft.blame(error.violations);
    } else if (error.code === Code.AlreadyExists) {
      this.#draft.blame([{ field: 'name', message: error.message }]);
    } else {
      this.refused = error;
    }
  }
}

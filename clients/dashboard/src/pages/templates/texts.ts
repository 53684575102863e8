import { templates } from '../../lib/api';

/** A version of a template as texts. */
export interface Texts {
  /** The file that it was made from, as its author wrote it; what the server writes of it when there is none. */
  file: string;
  /** What it describes, as the server writes it: without comments, all versions in one form. */
  spec: string;
}

/** A version of a template. Versions never change, so it may be kept. */
export async function textsOf(of: { project: string; name: string }, version: number, signal: AbortSignal): Promise<Texts> {
  const { template } = await templates.getTemplate({ ...of, version }, { signal });
  if (!template?.spec) {
    return { file: '', spec: '' };
  }
  const { text } = await templates.formatTemplate({ name: of.name, project: '', spec: template.spec }, { signal });
  return { file: template.source || text, spec: text };
}

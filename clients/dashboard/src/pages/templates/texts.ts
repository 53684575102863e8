import { templates } from '../../lib/api';

/** A version of a template as a file. Versions never change, so it may be kept. */
export async function fileOf(of: { project: string; name: string }, version: number, signal: AbortSignal): Promise<string> {
  const { template } = await templates.getTemplate({ ...of, version }, { signal });
  if (!template?.spec) {
    return '';
  }
  const { text } = await templates.formatTemplate({ name: of.name, project: '', spec: template.spec }, { signal });
  return text;
}

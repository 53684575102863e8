import type { TemplateView } from '../../models/templates/view';

/** What is to be done with which template. */
export interface Choice {
  kind: 'start' | 'clone' | 'delete';
  of: Pick<TemplateView, 'project' | 'name' | 'version' | 'etag'>;
}

/** Where a template is; projects have slashes, so they are encoded. */
export function templatePath(of: Pick<TemplateView, 'project' | 'name'>): string {
  return `/templates/${encodeURIComponent(of.project)}/${of.name}`;
}

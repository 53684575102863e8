/** Which operations an objective looks at, as one choice. */
import type { Option } from './choices';
import { nameOf } from './mix';
import { isDoc, listAt, textAt, type Doc } from './path';

const FIELDS = ['operation', 'class', 'label'];

/** `operation:point-lookup`, `class:read`, `label:hot`; empty for all operations. */
export function scopeOf(slo: Doc): string {
  const field = FIELDS.find((each) => textAt(slo, each) !== '');
  return field === undefined ? '' : `${field}:${textAt(slo, field)}`;
}

export function withScope(slo: Doc, scope: string): Doc {
  const [field = '', value = ''] = scope.split(':');
  const bare = Object.fromEntries(Object.entries(slo).filter(([key]) => !FIELDS.includes(key)));
  return field === '' ? bare : { ...bare, [field]: value };
}

/** What an objective of this document can look at. */
export function scopes(doc: Doc): Option[] {
  const operations = listAt(doc, 'operations').filter(isDoc);
  const names = [...new Set(operations.map(nameOf))].filter((name) => name !== '');
  const labels = [...new Set(operations.map((operation) => textAt(operation, 'label')))].filter((label) => label !== '');
  return [
    { value: '', text: 'all operations' },
    ...names.map((name) => ({ value: `operation:${name}`, text: name })),
    { value: 'class:read', text: 'all that read' },
    { value: 'class:write', text: 'all that write' },
    ...labels.map((label) => ({ value: `label:${label}`, text: `group ${label}` })),
  ];
}

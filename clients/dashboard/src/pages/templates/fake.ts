/** A server for the tests of the editor: its files say a name, a target and a seed; a line `!` cannot be read. */
import { create } from '@bufbuild/protobuf';
import { Code, explain, GauntletError } from '@gauntlet/client';
import { vi } from 'vitest';

import {
  type CreateTemplateRequest,
  type FormatTemplateRequest,
  FormatTemplateResponseSchema,
  type FormatTemplateResponse,
  type ParseTemplateResponse,
  ParseTemplateResponseSchema,
  type Template,
  TemplateSchema,
  type UpdateTemplateRequest,
} from '../../lib/pb';

type Stored = { template?: Template };

export const server = {
  parseTemplate: vi.fn<(request: { text: string }) => Promise<ParseTemplateResponse>>(),
  formatTemplate: vi.fn<(request: Pick<FormatTemplateRequest, 'name' | 'project' | 'spec'>) => Promise<FormatTemplateResponse>>(),
  getTemplate: vi.fn<() => Promise<Stored>>(),
  createTemplate: vi.fn<(request: Omit<CreateTemplateRequest, '$typeName'>) => Promise<Stored>>(),
  updateTemplate: vi.fn<(request: Omit<UpdateTemplateRequest, '$typeName'>) => Promise<Stored>>(),
};

/** What stands in for `lib/api`, which needs a browser. */
export const api = { templates: server, asError: (error: unknown) => explain(error) };

/** What a call of a server that is away ends with. */
export const away = new GauntletError({ kind: 'unreachable', code: Code.Unavailable, message: 'nobody answers', retryable: true });

/** What a call ends with that is refused as a whole. */
export function refusal(code: Code, message: string): GauntletError {
  return new GauntletError({ kind: 'refused', code, message });
}

export function template(version: number, target: string, source = ''): Template {
  return create(TemplateSchema, { project: 'default', name: 'mine', version, etag: `v${version}`, spec: { target, seed: 7n }, source });
}

/** Forgets all calls; from here on it answers as described above. */
export function fresh(): void {
  vi.resetAllMocks();
  server.parseTemplate.mockImplementation(({ text }) => Promise.resolve(parse(text)));
  server.formatTemplate.mockImplementation(({ name, spec }) =>
    Promise.resolve(create(FormatTemplateResponseSchema, { text: file(name, spec?.target ?? '', String(spec?.seed ?? 0n)) })),
  );
}

export function file(name: string, target: string, seed = '7'): string {
  return `name: ${name}\ntarget: ${target}\nseed: ${seed}\n`;
}

function parse(text: string): ParseTemplateResponse {
  const at = text.split('\n').indexOf('!');
  if (at >= 0) {
    return create(ParseTemplateResponseSchema, { faults: [{ line: at + 1, column: 1, message: 'cannot be read' }] });
  }
  const said = (key: string): string => new RegExp(`^${key}: (.*)$`, 'm').exec(text)?.[1] ?? '';
  return create(ParseTemplateResponseSchema, { name: said('name'), spec: { target: said('target'), seed: BigInt(said('seed') || 0) } });
}

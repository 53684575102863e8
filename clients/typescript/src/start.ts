/** From a template to a run on its way. */
import type { Client } from '@connectrpc/connect';

import { Code, GauntletError } from './errors.js';
import { type PreflightFinding, type Run, Severity } from './gen/gauntlet/v1/run_pb.js';
import type { RunService } from './gen/gauntlet/v1/run_service_pb.js';
import type { Template, TemplateSpec } from './gen/gauntlet/v1/template_pb.js';
import type { TemplateFault, TemplateService } from './gen/gauntlet/v1/template_service_pb.js';

/** The longest file that the control plane keeps beside what it says, in bytes. */
const LONGEST_SOURCE = 256 * 1024;

/** The project of who names none. */
export const DEFAULT_PROJECT = 'default';

/** A template file's text, which is stored as the newest version first, or a stored template. */
export type TemplateSource =
  | {
      /** The text of the file. */
      readonly yaml: string;
      /** The name for a template whose `yaml` does not say it. */
      readonly template?: string;
    }
  | {
      /** A stored template has its text already. */
      readonly yaml?: undefined;
      /** The name of the stored template. */
      readonly template: string;
    };

/** What to run. */
export type StartOptions = TemplateSource & {
  /** The stored template's version; the newest when left out. */
  readonly version?: number;
  /** The project; that of the file, or `default`, when left out. */
  readonly project?: string;
  /** The run's name, unique in the project; made from the template's when left out. */
  readonly name?: string;
  /** Free key-value pairs of the run. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Codes of severe findings that are accepted; `all` for whatever is found. */
  readonly acknowledge?: readonly string[] | 'all';
  /** Ends the call. */
  readonly signal?: AbortSignal;
};

/** A run on its way. */
export interface Started {
  /** In status STARTING. */
  readonly run: Run;
  /** What the check before the start found, the worst first. */
  readonly findings: readonly PreflightFinding[];
}

/** A template file that cannot be used: what is wrong with it and where. */
export class TemplateError extends GauntletError {
  override readonly name = 'TemplateError';

  constructor(
    /** In the order of the text. */
    readonly faults: readonly TemplateFault[],
  ) {
    super({
      kind: 'refused',
      code: Code.InvalidArgument,
      message: `the template cannot be used:\n${faults.map((fault) => `  ${place(fault)}${fault.message}`).join('\n')}`,
      violations: faults.map(({ field, message }) => ({ field, message })),
    });
  }
}

/** A run that was not started: what was found must be mended or, if it is severe, acknowledged. */
export class FindingsError extends GauntletError {
  override readonly name = 'FindingsError';

  constructor(
    /** The severe and blocking findings that keep the run from starting. */
    readonly findings: readonly PreflightFinding[],
  ) {
    const blocked = findings.some(({ severity }) => severity === Severity.BLOCKING);
    const codes = findings.map(({ code }) => code).join(', ');
    const advice = blocked ? 'mend it, then start again' : `mend it, or start with acknowledge: ${codes}`;
    const lines = findings.map(({ code, message }) => `  ${code}: ${message}`);
    super({
      kind: 'refused',
      code: Code.FailedPrecondition,
      message: `not started; ${advice}:\n${lines.join('\n')}`,
    });
  }
}

/** The clients that a start needs. */
export interface Clients {
  readonly runs: Client<typeof RunService>;
  readonly templates: Client<typeof TemplateService>;
}

/** Stores the template, if its text is given, then prepares, checks and starts a run of it. */
export async function start(clients: Clients, options: StartOptions): Promise<Started> {
  const { runs } = clients;
  const call = options.signal === undefined ? {} : { signal: options.signal };
  const template = await chosen(clients, options, call);
  const created = await runs.createRun(
    {
      requestId: requestId(),
      project: template.project,
      template: template.name,
      templateVersion: template.version,
      name: options.name ?? '',
      labels: { ...options.labels },
    },
    call,
  );
  const runId = created.run?.runId ?? '';
  try {
    const { findings } = await runs.preflightRun({ runId }, call);
    const acknowledgedFindings = accepted(findings, options.acknowledge ?? []);
    const { run } = await runs.startRun({ runId, acknowledgedFindings }, call);
    return { run: run as Run, findings };
  } catch (error) {
    // Only a run that has not started can be removed: one whose start was carried out stays.
    if (error instanceof GauntletError && error.kind === 'refused') {
      await runs.deleteRun({ runId }).catch(() => undefined);
    }
    throw error;
  }
}

/** The codes to start with; throws what is not accepted. */
function accepted(findings: readonly PreflightFinding[], acknowledge: readonly string[] | 'all'): string[] {
  const accepts = (code: string) => acknowledge === 'all' || acknowledge.includes(code);
  const held = findings.filter(
    ({ severity, code }) => severity === Severity.BLOCKING || (severity === Severity.SEVERE && !accepts(code)),
  );
  if (held.length > 0) {
    throw new FindingsError(held);
  }
  return findings.filter(({ severity }) => severity === Severity.SEVERE).map(({ code }) => code);
}

type Chosen = Pick<Template, 'project' | 'name' | 'version'>;

async function chosen(
  { templates }: Clients,
  options: StartOptions,
  call: { signal?: AbortSignal },
): Promise<Chosen> {
  if (options.yaml === undefined) {
    if (options.template === undefined) {
      throw unusable('name a template, or give the text of one as yaml');
    }
    const project = options.project ?? DEFAULT_PROJECT;
    return { project, name: options.template, version: options.version ?? 0 };
  }
  const parsed = await templates.parseTemplate({ text: options.yaml }, call);
  if (parsed.faults.length > 0 || parsed.spec === undefined) {
    throw new TemplateError(parsed.faults);
  }
  const name = options.template ?? parsed.name;
  if (name === '') {
    throw unusable('the template file does not say its name; write it there, like "name: lookups"');
  }
  const project = options.project ?? (parsed.project || DEFAULT_PROJECT);
  const isItsOwn = (said: string, wanted: string) => said === '' || said === wanted;
  const isKept =
    isItsOwn(parsed.name, name) && isItsOwn(parsed.project, project) && bytes(options.yaml) <= LONGEST_SOURCE;
  // The control plane keeps the file of the template itself, not that of another one.
  const source = isKept ? options.yaml : '';
  return stored(templates, { project, name, spec: parsed.spec, source }, call);
}

/** Makes the newest version of a template, or the first. */
async function stored(
  templates: Client<typeof TemplateService>,
  wanted: { project: string; name: string; spec: TemplateSpec; source: string },
  call: { signal?: AbortSignal },
): Promise<Chosen> {
  try {
    const updated = await templates.updateTemplate(wanted, call);
    return updated.template as Template;
  } catch (error) {
    if (!(error instanceof GauntletError && error.code === Code.NotFound)) {
      throw error;
    }
  }
  const created = await templates.createTemplate({ ...wanted, requestId: requestId() }, call);
  return created.template as Template;
}

/** Makes a call repeatable. A page that came without TLS has no `crypto.randomUUID`. */
function requestId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

function unusable(message: string): GauntletError {
  return new GauntletError({ kind: 'refused', code: Code.InvalidArgument, message });
}

function place({ line, column, field }: TemplateFault): string {
  const where = line === 0 ? '' : `line ${line}, column ${column}: `;
  return field === '' ? where : `${where}${field}: `;
}

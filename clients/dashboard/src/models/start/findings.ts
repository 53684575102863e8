/** What a check before the start found, and whether a start may follow. */
import { Severity, type PreflightFinding, type PreflightRunResponse } from '../../lib/pb';
import type { Tone } from '../../lib/words';

export interface Finding {
  code: string;
  severity: string;
  tone: Tone;
  title: string;
  message: string;
  recommendations: string[];
  /** The template's field that it is about; may be empty. */
  field: string;
  /** A start needs it accepted. */
  severe: boolean;
  /** A start is not possible. */
  blocking: boolean;
}

export interface Findings {
  /** The worst first, as the server sends them. */
  all: Finding[];
  /** The target's own version text; empty when it did not answer. */
  targetVersion: string;
}

const WORDS: Record<Severity, { severity: string; tone: Tone }> = {
  [Severity.UNSPECIFIED]: { severity: 'note', tone: 'neutral' },
  [Severity.INFO]: { severity: 'note', tone: 'neutral' },
  [Severity.WARNING]: { severity: 'warning', tone: 'warn' },
  [Severity.SEVERE]: { severity: 'severe', tone: 'bad' },
  [Severity.BLOCKING]: { severity: 'blocking', tone: 'bad' },
};

export function findingsView(response: PreflightRunResponse): Findings {
  return { all: response.findings.map(finding), targetVersion: response.targetVersion };
}

function finding(found: PreflightFinding): Finding {
  return {
    ...WORDS[found.severity],
    code: found.code,
    title: found.title,
    message: found.message,
    recommendations: found.recommendations,
    field: found.field,
    severe: found.severity === Severity.SEVERE,
    blocking: found.severity === Severity.BLOCKING,
  };
}

/** Why a start may not follow yet; empty when it may. */
export function hindrance(findings: Findings, accepted: ReadonlySet<string>): string {
  if (findings.all.some((found) => found.blocking)) {
    return 'The run cannot start. Do what is recommended, then check again.';
  }
  const open = findings.all.filter((found) => found.severe && !accepted.has(found.code)).length;
  if (open > 0) {
    return open === 1 ? 'Accept the severe finding to start.' : `Accept the ${open} severe findings to start.`;
  }
  return '';
}

/** The codes to send with the start. */
export function acknowledged(findings: Findings, accepted: ReadonlySet<string>): string[] {
  const codes = findings.all.filter((found) => found.severe && accepted.has(found.code)).map((found) => found.code);
  return [...new Set(codes)];
}

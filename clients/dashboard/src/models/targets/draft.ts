import type { MessageInitShape } from '@bufbuild/protobuf';

import type { TargetSchema } from '../../lib/pb';
import { checksServer, type Mode, wireMode } from './encryption';
import type { TargetView } from './view';

/** A target as it is written in the form: all text, as typed. */
export interface Draft {
  project: string;
  name: string;
  kind: 'sqlite' | 'postgres';
  path: string;
  host: string;
  port: string;
  database: string;
  user: string;
  /** Never comes from the server; empty keeps what is stored. */
  password: string;
  removePassword: boolean;
  mode: Mode;
  /** Certificates as PEM; kept while the mode checks nothing, and not sent then. */
  rootCertificate: string;
  price: string;
}

/** What is wrong, by the part of the form. */
export type Faults = Partial<Record<keyof Draft, string>>;

export function emptyDraft(project: string): Draft {
  return {
    project,
    name: '',
    kind: 'postgres',
    path: '',
    host: '',
    port: '',
    database: '',
    user: '',
    password: '',
    removePassword: false,
    mode: 'disable',
    rootCertificate: '',
    price: '',
  };
}

export function draftOf(target: TargetView): Draft {
  return {
    ...emptyDraft(target.project),
    name: target.name,
    kind: target.kind,
    path: target.path,
    host: target.host,
    port: target.port === 0 ? '' : String(target.port),
    database: target.database,
    user: target.user,
    mode: target.mode,
    rootCertificate: target.rootCertificate,
    price: target.pricePerHour === 0 ? '' : String(target.pricePerHour),
  };
}

/** The numbers of the form that are none; all else the server judges. */
export function faultsOf(draft: Draft): Faults {
  const faults: Faults = {};
  if (draft.kind === 'postgres' && !/^\d{0,5}$/.test(draft.port.trim())) {
    faults.port = 'must be a number from 1 to 65535';
  }
  if (!/^\d*\.?\d*$/.test(draft.price.trim()) || draft.price.trim() === '.') {
    faults.price = 'must be a number like 0.25';
  }
  return faults;
}

export function toTarget(draft: Draft): MessageInitShape<typeof TargetSchema> {
  const { project, name } = draft;
  const common = { project: project.trim(), name: name.trim(), pricePerHour: Number(draft.price.trim()) };
  if (draft.kind === 'sqlite') {
    return { ...common, address: { case: 'sqlite', value: { path: draft.path.trim() } } };
  }
  const value = {
    host: draft.host.trim(),
    port: Number(draft.port.trim()),
    database: draft.database.trim(),
    user: draft.user.trim(),
    password: draft.password,
    sslMode: wireMode(draft.mode),
    rootCertificate: checksServer(draft.mode) ? draft.rootCertificate.trim() : '',
  };
  return { ...common, address: { case: 'postgres', value } };
}

/** The server's violations at the parts of the form, and those that belong to none. */
export function placed(violations: readonly { field: string; message: string }[]): { faults: Faults; rest: string[] } {
  const faults: Faults = {};
  const rest: string[] = [];
  for (const { field, message } of violations) {
    const part = PARTS[field.replace(/^target\./, '')];
    if (part) {
      faults[part] ??= message;
    } else {
      rest.push(field === '' ? message : `${field}: ${message}`);
    }
  }
  return { faults, rest };
}

const PARTS: Readonly<Record<string, keyof Draft>> = {
  project: 'project',
  name: 'name',
  'sqlite.path': 'path',
  'postgres.host': 'host',
  'postgres.port': 'port',
  'postgres.database': 'database',
  'postgres.user': 'user',
  'postgres.password': 'password',
  'postgres.ssl_mode': 'mode',
  'postgres.root_certificate': 'rootCertificate',
  price_per_hour: 'price',
};

import { type Capabilities, FeatureStatus, type Target } from '../../lib/pb';
import type { Tone } from '../../lib/words';
import { encryptionWords, type Mode, modeOf, modeSuffix } from './encryption';

/** A database under test. */
export interface TargetView {
  project: string;
  name: string;
  kind: 'sqlite' | 'postgres';
  kindName: string;
  /** Where it is: a file's path, or host, port, database and how it is encrypted. */
  address: string;
  path: string;
  host: string;
  /** 0 for the usual one. */
  port: number;
  database: string;
  user: string;
  mode: Mode;
  /** PEM; empty for the system's authorities. */
  rootCertificate: string;
  /** How connections are encrypted, in words; empty for a file. */
  encryption: string;
  /** 0 when not known. */
  pricePerHour: number;
  createdUs: number;
  etag: string;
}

export function targetView(target: Target): TargetView {
  const { address } = target;
  const postgres = address.case === 'postgres' ? address.value : undefined;
  const path = address.case === 'sqlite' ? address.value.path : '';
  const place = postgres ? `${postgres.host}:${postgres.port || DEFAULT_PORT}/${postgres.database}${modeSuffix(postgres)}` : path;
  const mode = postgres ? modeOf(postgres) : 'disable';
  const rootCertificate = postgres?.rootCertificate ?? '';
  return {
    project: target.project,
    name: target.name,
    kind: postgres ? 'postgres' : 'sqlite',
    kindName: postgres ? 'PostgreSQL' : 'SQLite',
    address: place,
    path,
    host: postgres?.host ?? '',
    port: postgres?.port ?? 0,
    database: postgres?.database ?? '',
    user: postgres?.user ?? '',
    mode,
    rootCertificate,
    encryption: postgres ? encryptionWords(mode, rootCertificate) : '',
    pricePerHour: target.pricePerHour,
    createdUs: Number(target.createdUs),
    etag: target.etag,
  };
}

/** PostgreSQL's. */
export const DEFAULT_PORT = 5432;

/** What a target can do and how it is set. */
export interface CapabilitiesView {
  version: string;
  readOnly: boolean;
  /** In use and at most; empty where there is no limit. */
  connections: string;
  features: readonly { name: string; status: string; tone: Tone; note: string }[];
  settings: readonly { name: string; value: string }[];
}

export function capabilitiesView(capabilities: Capabilities): CapabilitiesView {
  const { maxConnections, connectionsInUse } = capabilities;
  return {
    version: capabilities.version,
    readOnly: capabilities.readOnly,
    connections: maxConnections === undefined ? '' : `${connectionsInUse ?? 0} of ${maxConnections} in use`,
    features: capabilities.features.map(({ name, status, note }) => ({ name, note, ...featureWord(status) })),
    settings: capabilities.settings.map(({ name, value, unit }) => ({ name, value: unit ? `${value} ${unit}` : value })),
  };
}

function featureWord(status: FeatureStatus): { status: string; tone: Tone } {
  switch (status) {
    case FeatureStatus.AVAILABLE:
      return { status: 'available', tone: 'good' };
    case FeatureStatus.MISSING:
      return { status: 'missing', tone: 'warn' };
    case FeatureStatus.NOT_PERMITTED:
      return { status: 'not permitted', tone: 'bad' };
    case FeatureStatus.UNSPECIFIED:
      return { status: 'not known', tone: 'neutral' };
  }
}

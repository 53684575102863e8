import { STREAM, targets } from '../../lib/api';
import { requestId } from '../start/request';
import { profileView, type ProfileView, type TableView, tableView } from './catalog';
import { type Draft, toTarget } from './draft';
import { type CapabilitiesView, capabilitiesView, type TargetView, targetView } from './view';

/** Which target. */
export interface TargetKey {
  project: string;
  name: string;
}

/** A page of something. */
export interface Page<T> {
  entries: readonly T[];
  /** Empty on the last page. */
  nextToken: string;
}

const PAGE_SIZE = 50;

/** Looking at a target takes as long as the target does. */
const TARGET_MS = 60_000;

export async function listTargets(project: string, token: string, signal: AbortSignal): Promise<Page<TargetView>> {
  const answer = await targets.listTargets({ project, page: { pageSize: PAGE_SIZE, pageToken: token } }, { signal });
  return { entries: answer.targets.map(targetView), nextToken: answer.nextPageToken };
}

export async function getTarget(key: TargetKey, signal: AbortSignal | undefined): Promise<TargetView | undefined> {
  const { target } = await targets.getTarget(key, signal ? { signal } : {});
  return target && targetView(target);
}

/** Registers a target; does not connect to it. */
export async function createTarget(draft: Draft): Promise<void> {
  await targets.createTarget({ requestId: requestId(), target: toTarget(draft) });
}

/** Changes a target that was seen at `etag`. */
export async function updateTarget(draft: Draft, etag: string): Promise<void> {
  await targets.updateTarget({ target: toTarget(draft), etag, removePassword: draft.removePassword });
}

/** Forgets a target; the database is not touched. */
export async function deleteTarget(key: TargetKey, etag: string): Promise<void> {
  await targets.deleteTarget({ ...key, etag });
}

/** Connects and logs in. */
export async function testTarget(key: TargetKey, signal: AbortSignal): Promise<{ version: string; connectUs: number }> {
  const answer = await targets.testTarget(key, { signal, timeoutMs: TARGET_MS });
  return { version: answer.version, connectUs: Number(answer.connectUs) };
}

export async function capabilitiesOf(key: TargetKey, signal: AbortSignal): Promise<CapabilitiesView | undefined> {
  const { capabilities } = await targets.getCapabilities(key, { signal, timeoutMs: TARGET_MS });
  return capabilities && capabilitiesView(capabilities);
}

export async function catalogOf(key: TargetKey, schema: string, token: string, signal: AbortSignal): Promise<Page<TableView>> {
  const request = { ...key, schema, page: { pageSize: PAGE_SIZE, pageToken: token } };
  const answer = await targets.listCatalog(request, { signal, timeoutMs: TARGET_MS });
  return { entries: answer.tables.map(tableView), nextToken: answer.nextPageToken };
}

export async function profileOf(key: TargetKey, table: string, signal: AbortSignal): Promise<ProfileView | undefined> {
  const { profile } = await targets.profileTable({ ...key, table }, { signal, timeoutMs: TARGET_MS });
  return profile && profileView(profile);
}

/** A table to make. */
export interface DatasetDraft {
  table: string;
  rows: string;
  seed: string;
  replace: boolean;
}

/** Numbers that the server could not read; the rest it judges. */
export function datasetFaults(draft: DatasetDraft): { rows?: string; seed?: string } {
  return {
    ...(/^\d{1,10}$/.test(plainNumber(draft.rows)) ? {} : { rows: 'must be a whole number, 1 to 1,000,000,000' }),
    ...(/^\d{0,18}$/.test(draft.seed.trim()) ? {} : { seed: 'must be a whole number' }),
  };
}

/** Makes and fills a table, telling how far it is. Ends when it is there; the signal breaks it off. */
export async function loadDataset(
  key: TargetKey,
  draft: DatasetDraft,
  tell: (message: { loaded: number; total: number; alreadyPresent: boolean }) => void,
  signal: AbortSignal,
): Promise<void> {
  const { table, replace } = draft;
  const dataset = { table: table.trim(), rows: BigInt(plainNumber(draft.rows)), seed: BigInt(draft.seed.trim()), replace };
  for await (const message of targets.loadDataset({ ...key, dataset }, { ...STREAM, signal })) {
    const { rowsLoaded, rowsTotal, alreadyPresent } = message;
    tell({ loaded: Number(rowsLoaded), total: Number(rowsTotal), alreadyPresent });
  }
}

/** `100,000` and `100 000` are `100000`. */
function plainNumber(text: string): string {
  return text.replaceAll(/[\s,_]/g, '');
}

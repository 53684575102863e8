import { targets, templates } from '../../../lib/api';
import { tablesView, type TableChoice } from '../../../models/templates/tables';

/** A form suggests no more; what is not among them can be typed. */
const MOST = 500;

/** What can be chosen: targets and pools of the project, tables of the target. All of it may be missing. */
export interface Catalog {
  readonly targets: readonly string[];
  readonly pools: readonly string[];
  readonly tables: readonly TableChoice[];
  /** Why there are no tables; empty when there are. */
  readonly silence: string;
  readProject(project: string, signal: AbortSignal): Promise<void>;
  readTarget(project: string, target: string, signal: AbortSignal): Promise<void>;
}

export function catalogOf(): Catalog {
  let names = $state.raw<string[]>([]);
  let pools = $state.raw<string[]>([]);
  let tables = $state.raw<TableChoice[]>([]);
  let silence = $state('');
  const page = { pageSize: MOST };
  return {
    get targets() {
      return names;
    },
    get pools() {
      return pools;
    },
    get tables() {
      return tables;
    },
    get silence() {
      return silence;
    },
    async readProject(project, signal) {
      const [known, drawn] = await Promise.allSettled([
        targets.listTargets({ project, page }, { signal }),
        templates.listValuePools({ project, page }, { signal }),
      ]);
      if (!signal.aborted) {
        // Targets and pools are of the project itself, not of what is below it.
        const own = <T extends { project: string; name: string }>(all: T[]): string[] =>
          all.filter((each) => each.project === project).map((each) => each.name);
        names = known.status === 'fulfilled' ? own(known.value.targets) : [];
        pools = drawn.status === 'fulfilled' ? own(drawn.value.pools) : [];
      }
    },
    async readTarget(project, target, signal) {
      tables = [];
      silence = '';
      if (target === '') {
        return;
      }
      try {
        const found = await targets.listCatalog({ project, name: target, page }, { signal });
        if (!signal.aborted) {
          tables = tablesView(found.tables);
        }
      } catch {
        if (!signal.aborted) {
          silence = `${target} does not say which tables it has; type the name`;
        }
      }
    },
  };
}

import type { CatalogTable } from '../../lib/pb';

/** A table that can be chosen. */
export interface TableChoice {
  /** How a template names it. */
  path: string;
  /** Its name without the schema, which a template may use, too. */
  name: string;
  columns: string[];
  /** Its one integer key; empty when it has none. */
  key: string;
}

export function tablesView(tables: readonly CatalogTable[]): TableChoice[] {
  return tables.map(({ path, name, columns }) => {
    const keys = columns.filter((column) => column.primaryKeyPosition > 0);
    const [key] = keys;
    return {
      path,
      name,
      columns: columns.map((column) => column.name),
      key: keys.length === 1 && key && /int|serial/i.test(key.type) ? key.name : '',
    };
  });
}

/** The table that a template means. */
export function tableNamed(tables: readonly TableChoice[], table: string): TableChoice | undefined {
  return tables.find((each) => each.path === table) ?? tables.find((each) => each.name === table);
}

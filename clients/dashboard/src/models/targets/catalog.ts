import { bytes, count, percent } from '../../lib/format';
import { type CatalogTable, CatalogTableKind, type ColumnProfile, type TableProfile } from '../../lib/pb';
import { plain } from '../../lib/words';

/** A table of a target. */
export interface TableView {
  /** How a template names it. */
  path: string;
  kind: string;
  rows: string;
  size: string;
  columns: readonly { name: string; type: string; notes: string }[];
  indexes: readonly { name: string; text: string }[];
}

export function tableView(table: CatalogTable): TableView {
  return {
    path: table.path,
    kind: plain(CatalogTableKind[table.kind]),
    rows: table.rowsEstimate === undefined ? '–' : count(table.rowsEstimate),
    size: table.bytes === undefined ? '–' : bytes(table.bytes),
    columns: table.columns.map((column) => {
      const notes = [
        column.primaryKeyPosition > 0 ? 'primary key' : column.indexed ? 'indexed' : '',
        column.nullable ? 'nullable' : '',
      ];
      return { name: column.name, type: column.type, notes: notes.filter((note) => note !== '').join(', ') };
    }),
    indexes: table.indexes.map(({ name, columns, unique, primary, partial }) => {
      const words = [primary ? 'primary key' : unique ? 'unique' : '', partial ? 'partial' : ''].filter((word) => word !== '');
      return { name, text: `(${columns.join(', ')})${words.length > 0 ? ` ${words.join(', ')}` : ''}` };
    }),
  };
}

/** What a table holds. */
export interface ProfileView {
  /** Like `10,000 rows, all of them looked at`. */
  summary: string;
  columns: readonly ColumnView[];
}

export interface ColumnView {
  name: string;
  type: string;
  nulls: string;
  distinct: string;
  min: string;
  max: string;
  size: string;
  common: string;
}

/** More of the frequent values would not fit. */
const MOST_COMMON = 3;

export function profileView(profile: TableProfile): ProfileView {
  const about = profile.rowsExact ? '' : 'about ';
  const looked = profile.sampledRows >= profile.rows ? 'all of them looked at' : `${count(profile.sampledRows)} of them looked at`;
  const source = profile.fromStatistics ? "; shares by the database's own statistics" : '';
  return {
    summary: `${about}${count(profile.rows)} rows, ${looked}${source}`,
    columns: profile.columns.map(columnView),
  };
}

function columnView(column: ColumnProfile): ColumnView {
  const sign = column.rangeExact ? '' : '≈ ';
  const range = (value: string | undefined): string => (value === undefined ? '–' : sign + shortened(value));
  return {
    name: column.name,
    type: column.type,
    nulls: percent(column.nullRatio),
    distinct: column.distinctEstimate === undefined ? '–' : count(column.distinctEstimate),
    min: range(column.min),
    max: range(column.max),
    size: column.averageBytes === undefined ? '–' : bytes(column.averageBytes),
    common: column.commonValues
      .slice(0, MOST_COMMON)
      .map(({ value, ratio }) => `${shortened(value)} (${percent(ratio)})`)
      .join(', '),
  };
}

const MOST_LETTERS = 24;

function shortened(text: string): string {
  return text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text;
}

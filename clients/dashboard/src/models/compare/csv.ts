import type { ComparisonView } from './view';

/** The table as comma-separated values: a line per operation, metric and run, numbers as they are. */
export function toCsv(view: ComparisonView): string {
  const head = ['operation', 'metric', 'higher_is_better', 'run', 'run_id', 'value', 'difference', 'ratio'];
  const lines = [head];
  for (const { operation, lines: metrics } of view.blocks) {
    for (const { metric, higherIsBetter, cells } of metrics) {
      const baseline = cells[0]?.value;
      cells.forEach(({ value }, index) => {
        const run = view.runs[index];
        const both = value !== undefined && baseline !== undefined;
        lines.push([
          operation || 'total',
          metric,
          String(higherIsBetter),
          run?.name ?? '',
          run?.id ?? '',
          written(value),
          written(both ? value - baseline : undefined),
          written(both && baseline !== 0 ? value / baseline : undefined),
        ]);
      });
    }
  }
  return lines.map((line) => line.map(quoted).join(',') + '\r\n').join('');
}

function written(value: number | undefined): string {
  return value === undefined ? '' : String(value);
}

/** RFC 4180; what a spreadsheet would take for a formula is text. */
function quoted(field: string): string {
  const text = /^[=+@\t]/.test(field) ? `'${field}` : field;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

//! `docs/benchmarks.md`: the figures with what a reader needs to repeat and to judge them.

use std::fmt::Write as _;

use crate::figure::Figure;
use crate::machine::Machine;
use crate::settings::Settings;
use crate::stats::short;
use crate::tool::{PEERS, Tool};
use crate::{peers, plane, rate, select};

const READING: &str = "\
## How to read them

- The tools and the server share the same processors. CPU per operation is what can be compared between machines and days;
  throughput is how the tools and the server split these processors, and holds only beside its neighbours in the table.
- Every round has each tool once, and each round begins with another tool. A value is the median of the rounds, with the
  smallest and the largest in parentheses; a ratio is the median of the ratios that were formed inside each round.
- `ratio` is gauntlet's value to pgbench's. Below 1 is better, except for throughput.
- Client CPU is the user and system time of the whole process: a gauntlet worker with all its measuring and reporting, and
  pgbench or sysbench from start to end, divided by all operations that it did.
- The figures of the API are of a release build of the control plane in a process of its own, called by this program on the
  same processors; a name that ends in `_postgres` is of a store on a private PostgreSQL whose commits wait for the disk, the
  others are of the embedded store, whose commits outlive a killed process, and all but the last of them a loss of power.
- What the server itself needs for a call cannot be seen from outside. It is told from two sides: the CPU time of its process
  per call, and the time until the answer less that of a call that does nothing, in the same round. The second holds what the
  caller needs to read the answer.
- The delay of a watch begins with the send of the change: its commit is part of it, and so is the work of this one program,
  which reads all the streams on one processor.
- Each figure says in its details when it was measured, and the load average then; the machine is the one of the last.
- An empty cell is a peer that is not installed or does not measure this.
- No test asserts any of this: another machine has other numbers.
";

pub fn markdown(settings: &Settings, machine: &Machine, figures: &[Figure]) -> String {
    let mut text = String::from("# Benchmarks\n\nWritten by `make bench`; do not edit.\n");
    if settings.quick {
        text.push_str("\n**Short rounds (`--quick`): these figures mean little.**\n");
    }
    text.push('\n');
    text.push_str(&figure_table(figures));
    let _ = write!(text, "\n{READING}\n## Machine\n\n| | |\n|---|---|\n");
    for (name, value) in machine.rows() {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    text.push_str("\n## Details\n\n");
    for figure in figures {
        let _ = writeln!(
            text,
            "- **{}** ({}): {}",
            figure.name, figure.measured, figure.note
        );
    }
    text.push_str(&commands(settings));
    text
}

fn figure_table(figures: &[Figure]) -> String {
    let names = PEERS.map(Tool::name);
    let mut text = format!(
        "| figure | unit | gauntlet | {} | ratio |\n|---|---|---:|{}---:|\n",
        names.join(" | "),
        "---:|".repeat(names.len())
    );
    let cell = |value: Option<f64>| value.map(short).unwrap_or_default();
    for figure in figures {
        let peers = names.map(|name| cell(figure.peers.get(name).copied().flatten()));
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            figure.name,
            figure.unit,
            cell(figure.ours),
            peers.join(" | "),
            cell(figure.ratio)
        );
    }
    text
}

fn commands(settings: &Settings) -> String {
    let mut lines = peers::commands(settings);
    lines.extend(plane::commands());
    format!(
        "\n## Commands\n\nAll at once: `make bench`. One by one, `$TEMPLATE` being each of the files below:\n\n\
         ```sh\n{}\n```\n\n```yaml\n{}```\n\n```yaml\n{}```\n\nAnd the same with `per_second: 10000`.\n",
        lines.join("\n"),
        select::template(settings),
        rate::template(settings, 1_000)
    )
}

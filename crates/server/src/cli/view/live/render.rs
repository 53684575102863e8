//! What is known of a run as lines of a terminal. Pure functions.

use gauntlet_client::pb;

use super::{
    super::{
        line::{Line, Style},
        moment::{self, Response},
        terminal::Terminal,
    },
    board::{Board, Row, SECONDS},
    spark,
};
use crate::cli::text::{
    number::{count, duration, latency, percent, rate},
    plan, search, word,
};

/// On a narrower terminal a table cannot be read.
const NARROWEST: usize = 60;
/// On a lower one it leaves no room for anything else.
const LOWEST: usize = 12;
/// From here on there is room for one more percentile.
const WIDE: usize = 96;
/// The column of names before the lines that are no table.
const LABEL: usize = 13;
/// Seconds come a little more than one after they ended; one that is later by so
/// much, microseconds, is missed.
const LONG_SILENCE_US: i64 = 5_000_000;
/// The parts of the bar.
const BAR: usize = 24;

/// The lines that show a run; `now_us` is the server's clock.
pub fn lines(board: &Board, now_us: i64, terminal: Terminal) -> Vec<Line> {
    if terminal.columns < NARROWEST || terminal.lines < LOWEST {
        return vec![single(board, now_us, terminal)];
    }
    let mut lines = vec![header(board, terminal), phase(board, now_us, terminal)];
    let mut after = Vec::new();
    if board.run.search.is_some() {
        let words = search::progress(&board.run, now_us);
        after.push(labelled(terminal, "search").plain(&words));
    }
    if board.run.shards_total > 0 {
        after.push(workers(board, terminal));
    }
    if let Some(error) = &board.newest_error {
        after.push(newest_error(error, terminal));
    }
    if !board.seconds.is_empty() {
        // The cursor has a line of its own.
        let taken = lines.len() + after.len() + 1;
        lines.extend(table(board, terminal, terminal.lines - taken));
    }
    lines.extend(after);
    lines
}

fn labelled(terminal: Terminal, label: &str) -> Line {
    Line::new(terminal).with(Style::Faint, &format!("{label:<LABEL$}"))
}

/// What runs where.
fn header(board: &Board, terminal: Terminal) -> Line {
    let run = &board.run;
    let none = pb::TemplateSpec::default();
    let spec = run.spec.as_ref().unwrap_or(&none);
    let load = match &run.level {
        Some(level) if run.search.is_some() => search::level(Some(level)),
        Some(level) => format!("{}, adjusted", search::level(Some(level))),
        None => plan::load(spec),
    };
    Line::new(terminal)
        .with(Style::Strong, &run.name)
        .plain(&format!("  {}@{}", run.template, run.template_version))
        .plain(&format!(" · target {} · {load}", spec.target))
}

/// The phase, how far it is, and what it waits for.
fn phase(board: &Board, now_us: i64, terminal: Terminal) -> Line {
    let run = &board.run;
    let name = match run.phase() {
        pb::RunPhase::Unspecified => word::status(run),
        phase => word::phase(phase),
    };
    let line = Line::new(terminal).with(Style::Strong, &format!("{name:<LABEL$}"));
    let line = match moment::progress(run, now_us) {
        Some((gone, whole)) => line.plain(&format!(
            "[{}] {} left of {}",
            bar(gone, whole, BAR),
            duration(whole_seconds(whole - gone)),
            duration(whole)
        )),
        None if run.phase() == pb::RunPhase::Done => line,
        None => line.plain(&format!("{} {}", spinner(now_us), moment::waiting(run))),
    };
    match (run.paused, run.status()) {
        (true, _) => line.with(Style::Bad, "  paused"),
        (_, pb::RunStatus::Stopping) if !run.stop_message.is_empty() => {
            line.plain(&format!("  {}", run.stop_message))
        }
        (_, pb::RunStatus::Cancelling) => line.with(Style::Bad, "  cancelled"),
        _ => match silence_us(board, now_us) {
            Some(silence_us) => line.with(
                Style::Bad,
                &format!("  last figures {} ago", duration(whole_seconds(silence_us))),
            ),
            None => line,
        },
    }
}

/// How long there has been no second of a load that should give one; `None` when
/// that is not long.
fn silence_us(board: &Board, now_us: i64) -> Option<i64> {
    let loads = matches!(
        board.run.phase(),
        pb::RunPhase::Warmup | pb::RunPhase::Measurement
    );
    let newest = board.seconds.back().filter(|_| loads)?;
    Some(now_us - newest.time_us - 1_000_000).filter(|silence_us| *silence_us > LONG_SILENCE_US)
}

/// A time that is left, up to the whole second.
fn whole_seconds(left_us: i64) -> i64 {
    (left_us + 999_999) / 1_000_000 * 1_000_000
}

fn bar(gone: i64, whole: i64, length: usize) -> String {
    let done = (gone * length as i64 / whole.max(1)) as usize;
    let head = if done > 0 && done < length { ">" } else { "" };
    let body = "=".repeat(done - head.len());
    format!("{:<length$}", format!("{body}{head}"))
}

/// A sign of life; it turns eight times a second.
fn spinner(now_us: i64) -> char {
    ['-', '\\', '|', '/'][(now_us / 125_000).rem_euclid(4) as usize]
}

/// The operations and how it went, in at most so many lines.
fn table(board: &Board, terminal: Terminal, most: usize) -> Vec<Line> {
    let columns = Columns::of(board, terminal);
    let mut lines = vec![columns.heading(terminal)];
    // The heading, the total and the two histories stand beside the operations.
    let room = most.saturating_sub(4).max(1);
    let all = board.operations.len();
    let shown = if all > room { room - 1 } else { all };
    for row in &board.operations[..shown] {
        lines.push(columns.row(&row.newest.operation, row, terminal, Style::Plain));
    }
    if shown < all {
        let more = format!("and {} more operations", all - shown);
        lines.push(Line::new(terminal).with(Style::Faint, &more));
    }
    lines.push(columns.row("total", &board.total, terminal, Style::Strong));
    lines.extend(histories(board, terminal));
    lines
}

/// How wide the columns are.
struct Columns {
    name: usize,
    wide: bool,
}

impl Columns {
    fn of(board: &Board, terminal: Terminal) -> Self {
        let wide = terminal.columns >= WIDE;
        // The others, with the spaces before them and the free last column.
        let others = 12 + 3 * 10 + 9 + 1 + if wide { 10 } else { 0 };
        let name = |row: &Row| row.newest.operation.chars().count();
        let longest = board.operations.iter().map(name).max().unwrap_or(0);
        Self {
            name: longest.max(LABEL).min(terminal.columns - others),
            wide,
        }
    }

    fn heading(&self, terminal: Terminal) -> Line {
        let cells = ["rate", "p50", "p95", "p99", "p99.9", "errors"];
        let text = self.cells("", &cells.map(str::to_owned));
        Line::new(terminal).with(Style::Faint, &text)
    }

    fn row(&self, name: &str, row: &Row, terminal: Terminal, style: Style) -> Line {
        let response = Response::of(&row.newest);
        let cells = [
            rate(row.newest.succeeded as f64),
            response.p50,
            response.p95,
            response.p99,
            response.p999,
            count(row.failed),
        ];
        let text = self.cells(name, &cells);
        let errors = text.chars().count() - cells[5].chars().count();
        let before: String = text.chars().take(errors).collect();
        let bad = if row.failed > 0 { Style::Bad } else { style };
        Line::new(terminal)
            .with(style, &before)
            .with(bad, &cells[5])
    }

    fn cells(&self, name: &str, cells: &[String; 6]) -> String {
        let width = self.name;
        let mut letters: Vec<char> = name.chars().collect();
        if letters.len() > width {
            letters.truncate(width.saturating_sub(1));
            letters.push('…');
        }
        let name: String = letters.into_iter().collect();
        let [rate, p50, p95, p99, p999, errors] = cells;
        let p999 = if self.wide {
            format!("{p999:>10}")
        } else {
            String::new()
        };
        format!("{name:<width$}{rate:>12}{p50:>10}{p95:>10}{p99:>10}{p999}{errors:>9}")
    }
}

/// The last minute's throughput and 99th percentile.
fn histories(board: &Board, terminal: Terminal) -> [Line; 2] {
    let most = (terminal.columns - LABEL - 1 - 14).min(SECONDS);
    let line = |label: &str, values: Vec<Option<f64>>, shown: &dyn Fn(f64) -> String| {
        let peak = values.iter().flatten().copied().fold(0.0, f64::max);
        labelled(terminal, label)
            .plain(&spark::line(&values))
            .with(Style::Faint, &format!(" max {}", shown(peak)))
    };
    [
        line(
            "throughput",
            board.history(most, |second| Some(second.succeeded as f64)),
            &|value| count(value as u64),
        ),
        line("p99", board.history(most, |second| second.p99_us), &latency),
    ]
}

/// Who sends the load, and whether they keep up.
fn workers(board: &Board, terminal: Terminal) -> Line {
    let run = &board.run;
    let line = labelled(terminal, "workers");
    if board.workers.is_empty() {
        return line.plain(&format!(
            "{} of {} ready",
            run.shards_ready, run.shards_total
        ));
    }
    let attached = board.workers.len();
    let busiest = board.workers.iter().map(|worker| worker.cpu);
    let busiest = busiest.fold(0.0, f64::max);
    let in_flight: u64 = board
        .workers
        .iter()
        .map(|worker| u64::from(worker.in_flight))
        .sum();
    let backlog: u64 = board.workers.iter().map(|worker| worker.backlog).sum();
    let missing = attached < run.shards_total as usize;
    let style = if missing { Style::Bad } else { Style::Plain };
    let line = line
        .with(
            style,
            &format!("{attached} of {} attached", run.shards_total),
        )
        .plain(&format!(
            " · busiest {} CPU · {} in flight",
            percent((busiest * 100.0).round() / 100.0),
            count(in_flight)
        ));
    if backlog == 0 {
        return line;
    }
    line.with(
        Style::Bad,
        &format!(" · {} due and not sent", count(backlog)),
    )
}

/// The failures that came last.
fn newest_error(error: &pb::ErrorSummary, terminal: Terminal) -> Line {
    let code = match error.code.as_str() {
        "" => error.class.to_lowercase(),
        code => format!("{} {code}", error.class.to_lowercase()),
    };
    labelled(terminal, "newest error").with(
        Style::Bad,
        &format!(
            "{} × {} {code}: {}",
            count(error.count),
            error.operation,
            error.message
        ),
    )
}

/// All that fits on one line, each part whole: what is missed least goes first
/// where there is no room, and the rate last.
fn single(board: &Board, now_us: i64, terminal: Terminal) -> Line {
    let run = &board.run;
    // A part, and how much it is missed.
    let mut parts = vec![(3, word::phase(run.phase()))];
    match moment::progress(run, now_us) {
        Some((gone, whole)) => {
            let left = duration(whole_seconds(whole - gone));
            parts.push((1, format!("[{}]", bar(gone, whole, 10))));
            parts.push((4, format!("{left} left")));
        }
        None => parts.push((4, moment::waiting(run))),
    }
    if board.phase == run.phase() && !board.seconds.is_empty() {
        let total = &board.total.newest;
        let response = Response::of(total);
        parts.push((5, rate(total.succeeded as f64)));
        parts.push((2, format!("p99 {}", response.p99)));
        parts.push((0, format!("p50 {}", response.p50)));
    }
    parts.retain(|(_, part)| !part.is_empty());
    let room = terminal.columns.saturating_sub(1);
    let columns = |parts: &[(u8, String)]| -> usize {
        let letters = parts.iter().map(|(_, part)| part.chars().count() + 1);
        letters.sum::<usize>().saturating_sub(1)
    };
    while parts.len() > 1 && columns(&parts) > room {
        let least = parts.iter().map(|(missed, _)| *missed).min();
        parts.retain(|(missed, _)| Some(*missed) != least);
    }
    let mut line = Line::new(terminal);
    for (place, (missed, part)) in parts.iter().enumerate() {
        let style = if *missed == 3 {
            Style::Strong
        } else {
            Style::Plain
        };
        let gap = if place == 0 { "" } else { " " };
        line = line.plain(gap).with(style, part);
    }
    line
}

#[cfg(test)]
mod tests;

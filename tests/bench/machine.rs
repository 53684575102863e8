//! What the figures were measured on, as far as the machine tells.

use std::fs;
use std::time::Duration;

use crate::process::{command, run};

/// The row that says how busy the machine was.
const LOAD: &str = "load average (1 min)";
const COMMAND_LIMIT: Duration = Duration::from_secs(10);

/// The machine and the programs, as rows of name and value.
#[derive(Debug)]
pub struct Machine {
    rows: Vec<(&'static str, String)>,
    load_before: String,
    ticks_before: Option<Ticks>,
}

/// Processor time of the whole machine since its start.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ticks {
    all: f64,
    stolen: f64,
}

impl Machine {
    /// Looks before the first measurement.
    pub async fn look(gauntlet: &str) -> Self {
        let date = run(
            command("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]),
            COMMAND_LIMIT,
        )
        .await;
        let date = date.map_or_else(|_| "unknown".to_owned(), |(text, _)| text.trim().to_owned());
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let rows = vec![
            ("date", date),
            ("processor", format!("{cores} × {}", processor())),
            ("kernel", first_line("/proc/sys/kernel/osrelease")),
            ("memory", memory()),
            ("program", gauntlet.to_owned()),
        ];
        Self {
            rows,
            load_before: load(),
            ticks_before: ticks(),
        }
    }

    /// Adds the versions of what gauntlet was measured with.
    pub fn databases(&mut self, postgres: &str, peers: String) {
        self.rows.push(("PostgreSQL", postgres.to_owned()));
        self.rows.push(("peers", peers));
    }

    /// Adds the version of the server that keeps the store.
    pub fn store(&mut self, postgres: &str) {
        self.rows
            .push(("PostgreSQL as the store", postgres.to_owned()));
    }

    /// When and on how busy a machine, in a few words; complete after the last measurement.
    pub fn measured(&self) -> String {
        let value = |name| {
            let row = self.rows.iter().find(|row| row.0 == name);
            row.map_or("unknown", |row| row.1.as_str())
        };
        format!("{}, load {}", value("date"), value(LOAD))
    }

    /// Looks after the last measurement: how much somebody else disturbed them.
    pub fn look_again(&mut self) {
        let load = format!("{} before, {} after", self.load_before, load());
        self.rows.push((LOAD, load));
        if let Some((before, after)) = self.ticks_before.zip(ticks()) {
            let share = (after.stolen - before.stolen) / (after.all - before.all).max(1.0);
            let stolen = format!("{:.1} % of the processors' time", share * 100.0);
            self.rows.push(("stolen by neighbours", stolen));
        }
    }

    pub fn rows(&self) -> &[(&'static str, String)] {
        &self.rows
    }
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find(|line| line.starts_with("model name"));
    model.and_then(|line| line.split_once(':')).map_or_else(
        || std::env::consts::ARCH.to_owned(),
        |(_, name)| name.trim().to_owned(),
    )
}

fn memory() -> String {
    let line = first_line("/proc/meminfo");
    let kib = line
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse::<f64>().ok());
    kib.map_or_else(
        || "unknown".to_owned(),
        |kib| format!("{:.1} GiB", kib / 1_048_576.0),
    )
}

fn load() -> String {
    let line = first_line("/proc/loadavg");
    line.split(' ').next().unwrap_or_default().to_owned()
}

fn first_line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

fn ticks() -> Option<Ticks> {
    parse_ticks(&first_line("/proc/stat"))
}

/// The line `cpu` of proc(5): user, nice, system, idle, iowait, irq, softirq, steal, and two that are counted before.
fn parse_ticks(line: &str) -> Option<Ticks> {
    let fields = line.strip_prefix("cpu ")?.split_whitespace().take(8);
    let fields: Vec<f64> = fields.map_while(|field| field.parse().ok()).collect();
    let stolen = *fields.get(7)?;
    Some(Ticks {
        all: fields.iter().sum(),
        stolen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_the_eighth_field() {
        let expected = Some(Ticks {
            all: 36.0,
            stolen: 8.0,
        });
        assert_eq!(parse_ticks("cpu  1 2 3 4 5 6 7 8 9 10"), expected);
        assert_eq!(parse_ticks("cpu  1 2 3"), None);
        assert_eq!(parse_ticks("cpu0 1 2 3 4 5 6 7 8"), None);
    }
}

//! The series, at a scrape.

use std::{fmt, time::Instant};

use gauntlet_model::lifecycle::{Phase, Status};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Unit,
};

use super::{ActiveRuns, Cell, Measured, State};

/// An operation by its place in the template, and a phase.
type Place = (u32, Phase);

impl Collector for ActiveRuns {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut state = self.lock();
        state.forget_old(Instant::now());
        state.statuses(&mut encoder)?;
        if state.measured.is_empty() {
            return Ok(());
        }
        state.operations(&mut encoder)?;
        state.responses(&mut encoder)?;
        state.errors(&mut encoder)?;
        let in_flight = "Operations in flight at the end of the newest second";
        state.load(&mut encoder, "run_in_flight", in_flight, |load| load.0)?;
        let backlog = "Operations due and not sent at the end of the newest second";
        state.load(&mut encoder, "run_backlog", backlog, |load| load.1)
    }
}

impl State {
    fn statuses(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Runs that are active and led by this control plane";
        let mut family = encoder.encode_descriptor("runs_active", help, None, MetricType::Gauge)?;
        for status in Status::ALL.into_iter().filter(|status| status.is_active()) {
            let count = self.statuses.values().filter(|one| **one == status).count();
            let labels = [("status", word(status.as_str()))];
            family
                .encode_family(&labels)?
                .encode_gauge(&(count as i64))?;
        }
        let help = "Runs that ended while this control plane led them";
        let mut family =
            encoder.encode_descriptor("runs_ended", help, None, MetricType::Counter)?;
        for status in Status::ALL
            .into_iter()
            .filter(|status| status.is_terminal())
        {
            let count = self.ended.get(status.as_str()).copied().unwrap_or(0);
            let labels = [("status", word(status.as_str()))];
            counter(family.encode_family(&labels)?, count)?;
        }
        let help = "Seconds of workers and operations that no series of a run took";
        let family = encoder.encode_descriptor("runs_left_out", help, None, MetricType::Counter)?;
        counter(family, self.left_out)
    }

    fn operations(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Operations of a run by outcome";
        let mut family =
            encoder.encode_descriptor("run_operations", help, None, MetricType::Counter)?;
        for (run, place, cell) in self.cells() {
            for (outcome, count) in [
                ("succeeded", cell.response.count()),
                ("failed", cell.failed),
                ("cut", cell.cut),
                ("dropped", cell.dropped),
            ] {
                let labels = labels(run, place, [("outcome", outcome)]);
                counter(family.encode_family(&labels)?, count)?;
            }
        }
        Ok(())
    }

    fn responses(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "From the instant an operation was due to its end, of those that succeeded";
        let (unit, kind) = (Some(&Unit::Seconds), MetricType::Histogram);
        let mut family = encoder.encode_descriptor("run_response", help, unit, kind)?;
        for (run, place, cell) in self.cells() {
            let labels = labels(run, place, []);
            cell.response.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn errors(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Operations of a run that failed, by kind of failure";
        let mut family =
            encoder.encode_descriptor("run_errors", help, None, MetricType::Counter)?;
        for run in self.measured.values() {
            for ((operation, phase, class), count) in &run.errors {
                let class = word(class.as_str());
                let labels = labels(run, (*operation, *phase), [("class", class.as_str())]);
                counter(family.encode_family(&labels)?, *count)?;
            }
        }
        Ok(())
    }

    fn load(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        value: impl Fn(&(u64, u64)) -> u64,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for run in self.measured.values() {
            let sum: u64 = run.load.values().map(&value).sum();
            let labels = [("project", run.project.as_str()), ("run", &run.name)];
            let sum = i64::try_from(sum).unwrap_or(i64::MAX);
            family.encode_family(&labels)?.encode_gauge(&sum)?;
        }
        Ok(())
    }

    fn cells(&self) -> impl Iterator<Item = (&Measured, Place, &Cell)> {
        self.measured.values().flat_map(|run| {
            run.cells
                .iter()
                .map(move |(place, cell)| (run, *place, cell))
        })
    }
}

/// The stable words, as metrics spell them.
fn word(word: &str) -> String {
    word.to_ascii_lowercase()
}

fn labels<const N: usize>(
    run: &Measured,
    (operation, phase): Place,
    more: [(&'static str, &str); N],
) -> Vec<(&'static str, String)> {
    let mut labels = vec![
        ("project", run.project.clone()),
        ("run", run.name.clone()),
        ("operation", run.operation(operation).to_owned()),
        ("phase", word(phase.as_str())),
    ];
    labels.extend(more.map(|(key, value)| (key, value.to_owned())));
    labels
}

fn counter(mut encoder: MetricEncoder<'_>, count: u64) -> fmt::Result {
    encoder.encode_counter::<NoLabelSet, u64, f64>(&count, None)
}

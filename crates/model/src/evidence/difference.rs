//! From what was found at the instants to what is reported.

use std::collections::BTreeMap;

use super::{
    Counters, Evidence, Found, Period, Piece, Place, Relation, Snapshot, StatementFigures,
    Statements, Wait, Waits,
};
use crate::{
    lifecycle::{Phase, ProcessingStatus},
    time::Timestamp,
};

impl Evidence {
    /// What follows from the pieces of a run; `None` when there is none. While
    /// the gathering is not over, more may come.
    #[must_use]
    pub fn of(pieces: &[Piece], over: bool) -> Option<Self> {
        if pieces.is_empty() {
            return None;
        }
        let mut made = Self {
            status: ProcessingStatus::Completed,
            message: String::new(),
            periods: Vec::new(),
            settings: Vec::new(),
            skipped: Vec::new(),
        };
        for (phase, first, second) in [
            (Phase::Warmup, Place::BeforeWarmup, Place::AfterWarmup),
            (
                Phase::Measurement,
                Place::AfterWarmup,
                Place::AfterMeasurement,
            ),
        ] {
            made.add_period(phase, at(pieces, first), at(pieces, second));
        }
        made.add_waits(pieces);
        let last = pieces.iter().filter_map(|piece| snapshot(Some(piece)));
        if let Some((_, last)) = last.max_by_key(|(taken, _)| *taken) {
            made.settings.clone_from(&last.settings);
        }
        (made.status, made.message) = status(pieces, over);
        Some(made)
    }

    /// The difference over a phase, if both ends are there; else why not.
    fn add_period(&mut self, phase: Phase, first: Option<&Piece>, second: Option<&Piece>) {
        for piece in [first, second].into_iter().flatten() {
            if let Found::Skipped(why) | Found::Failed(why) = &piece.found {
                self.skip(why.clone());
            }
        }
        let (Some((from, before)), Some((to, after))) = (snapshot(first), snapshot(second)) else {
            return;
        };
        for why in before.skipped.iter().chain(&after.skipped) {
            self.skip(why.clone());
        }
        let mut period = Period {
            phase,
            from,
            to,
            statements: Vec::new(),
            counters: Vec::new(),
            waits: Vec::new(),
            relations: relations(before, after),
        };
        for later in &after.counters {
            let of = |one: &&Counters| one.source == later.source;
            let Some(earlier) = before.counters.iter().find(of) else {
                continue;
            };
            match grown(earlier, later) {
                Some(values) => period.counters.extend(values),
                None => self.skip(set_back(&later.source, phase)),
            }
        }
        add_hit_ratio(&mut period.counters);
        period.counters.extend(changes(before, after));
        if let (Some(earlier), Some(later)) = (&before.statements, &after.statements) {
            match executed(earlier, later) {
                Some(figures) => period.statements = figures,
                None => self.skip(set_back("the statistics of statements", phase)),
            }
            let forgotten = later.forgotten.saturating_sub(earlier.forgotten);
            if forgotten > 0 {
                self.skip(format!(
                    "the target forgot {forgotten} statements in {}, so calls may be missing; \
                     give it room for more",
                    phase.as_str()
                ));
            }
        }
        self.periods.push(period);
    }

    fn add_waits(&mut self, pieces: &[Piece]) {
        match at(pieces, Place::Waits).map(|piece| &piece.found) {
            Some(Found::Waits(waits)) => {
                if waits.failed > 0 {
                    self.skip(format!(
                        "{} of {} samples of waits could not be taken: {}",
                        waits.failed,
                        waits.failed + waits.samples,
                        waits.reason
                    ));
                }
                let measurement = |period: &&mut Period| period.phase == Phase::Measurement;
                if let Some(period) = self.periods.iter_mut().find(measurement) {
                    period.waits = averages(waits);
                }
            }
            Some(Found::Skipped(why) | Found::Failed(why)) => self.skip(why.clone()),
            Some(Found::Snapshot(_) | Found::Activity(_)) | None => {}
        }
    }

    /// Notes what is missing, once.
    fn skip(&mut self, why: String) {
        if !self.skipped.contains(&why) {
            self.skipped.push(why);
        }
    }
}

fn at(pieces: &[Piece], place: Place) -> Option<&Piece> {
    pieces.iter().find(|piece| piece.place == place)
}

fn snapshot(piece: Option<&Piece>) -> Option<(Timestamp, &Snapshot)> {
    let piece = piece?;
    match &piece.found {
        Found::Snapshot(snapshot) => Some((piece.taken, snapshot)),
        _ => None,
    }
}

/// By how much each size grew; shrinking is negative.
fn changes(before: &Snapshot, after: &Snapshot) -> impl Iterator<Item = (String, f64)> {
    after.levels.iter().filter_map(|(name, later)| {
        let earlier = before.levels.iter().find(|(known, _)| known == name);
        earlier.map(|(_, earlier)| (name.clone(), later - earlier))
    })
}

/// The measurement decides: its two ends, or why one is not there.
fn status(pieces: &[Piece], over: bool) -> (ProcessingStatus, String) {
    let first = at(pieces, Place::AfterWarmup);
    let last = at(pieces, Place::AfterMeasurement);
    for piece in [first, last].into_iter().flatten() {
        match &piece.found {
            Found::Skipped(why) => return (ProcessingStatus::Skipped, why.clone()),
            Found::Failed(why) => return (ProcessingStatus::Failed, why.clone()),
            Found::Snapshot(_) | Found::Waits(_) | Found::Activity(_) => {}
        }
    }
    match (first, last) {
        (Some(_), Some(_)) => (ProcessingStatus::Completed, String::new()),
        _ if !over => (ProcessingStatus::Running, String::new()),
        (None, _) => {
            let why = "the run ended before its measurement began";
            (ProcessingStatus::Skipped, why.to_owned())
        }
        (_, None) => {
            let why = "the target's statistics were not read when the measurement was over";
            (ProcessingStatus::Failed, why.to_owned())
        }
    }
}

fn set_back(source: &str, phase: Phase) -> String {
    format!(
        "{source}: set back during {}, so there is no difference; \
         leave the statistics alone during a run",
        phase.as_str()
    )
}

/// How much each counter grew; `None` when they were set back in between.
fn grown(before: &Counters, after: &Counters) -> Option<Vec<(String, f64)>> {
    if before.reset != after.reset {
        return None;
    }
    let earlier: BTreeMap<&str, f64> = before
        .values
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let mut grown = Vec::new();
    for (name, value) in &after.values {
        let Some(first) = earlier.get(name.as_str()) else {
            continue;
        };
        if value < first {
            return None;
        }
        grown.push((name.clone(), value - first));
    }
    Some(grown)
}

/// Of the pages that were asked for, the share that was in the target's memory.
fn add_hit_ratio(counters: &mut Vec<(String, f64)>) {
    let of = |wanted: &str| {
        let found = counters.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| *value)
    };
    let (Some(hit), Some(read)) = (of("blks_hit"), of("blks_read")) else {
        return;
    };
    if hit + read > 0.0 {
        counters.push(("cache_hit_ratio".to_owned(), hit / (hit + read)));
    }
}

/// What was executed of each operation; `None` when a figure fell.
fn executed(before: &Statements, after: &Statements) -> Option<Vec<StatementFigures>> {
    if before.reset != after.reset {
        return None;
    }
    let mut made = Vec::new();
    for later in &after.figures {
        let of = |one: &&StatementFigures| one.operation == later.operation;
        let earlier = before.figures.iter().find(of).cloned().unwrap_or_default();
        if later.total_us < earlier.total_us {
            return None;
        }
        made.push(StatementFigures {
            operation: later.operation.clone(),
            calls: later.calls.checked_sub(earlier.calls)?,
            total_us: later.total_us - earlier.total_us,
            rows: later.rows.checked_sub(earlier.rows)?,
            pages_hit: later.pages_hit.checked_sub(earlier.pages_hit)?,
            pages_read: later.pages_read.checked_sub(earlier.pages_read)?,
        });
    }
    Some(made)
}

fn relations(before: &Snapshot, after: &Snapshot) -> Vec<Relation> {
    let size_before = |name: &str, index| {
        let same = |one: &&super::RelationSize| one.name == name && one.index == index;
        before
            .relations
            .iter()
            .find(same)
            .map_or(0, |one| one.bytes)
    };
    let grown = after.relations.iter().map(|one| Relation {
        name: one.name.clone(),
        index: one.index,
        bytes: one.bytes,
        grown_bytes: one
            .bytes
            .cast_signed()
            .saturating_sub(size_before(&one.name, one.index).cast_signed()),
    });
    grown.collect()
}

/// Averages over the samples, most first.
fn averages(waits: &Waits) -> Vec<Wait> {
    let all: u64 = waits.sums.iter().map(|sum| sum.sessions).sum();
    if all == 0 || waits.samples == 0 {
        return Vec::new();
    }
    let mut sums: Vec<_> = waits.sums.iter().collect();
    sums.sort_by(|one, other| {
        (other.sessions, &one.kind, &one.event).cmp(&(one.sessions, &other.kind, &other.event))
    });
    let average = sums.into_iter().map(|sum| Wait {
        kind: sum.kind.clone(),
        event: sum.event.clone(),
        sessions: sum.sessions as f64 / waits.samples as f64,
        share: sum.sessions as f64 / all as f64,
    });
    average.collect()
}

#[cfg(test)]
mod tests;

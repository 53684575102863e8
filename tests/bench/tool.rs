//! The tools that are compared, in turns, and what each round said.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::stats::Spread;

/// Who does the work. The first peer is the one that ratios are formed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    Gauntlet,
    Pgbench,
    Sysbench,
}

/// All of them but gauntlet.
pub const PEERS: [Tool; 2] = [Tool::Pgbench, Tool::Sysbench];

impl Tool {
    pub fn name(self) -> &'static str {
        match self {
            Self::Gauntlet => "gauntlet",
            Self::Pgbench => "pgbench",
            Self::Sysbench => "sysbench",
        }
    }
}

/// The order of one round: each begins with the next tool, so that none always has the same neighbour before it.
pub fn order(present: &[Tool], round: usize) -> Vec<Tool> {
    let mut order = present.to_vec();
    order.rotate_left(round % present.len());
    order
}

/// What every tool measured in every round; round n of one tool stands beside round n of another.
#[derive(Debug)]
pub struct Rounds<T> {
    samples: BTreeMap<Tool, Vec<T>>,
}

impl<T> Rounds<T> {
    pub fn new() -> Self {
        Self {
            samples: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, tool: Tool, sample: T) {
        self.samples.entry(tool).or_default().push(sample);
    }

    pub fn of(&self, tool: Tool) -> &[T] {
        self.samples.get(&tool).map_or(&[], Vec::as_slice)
    }

    /// The spread of one value over the rounds; `None` for a tool that was not there.
    pub fn spread(&self, tool: Tool, value: impl Fn(&T) -> f64) -> Option<Spread> {
        Spread::of(self.of(tool).iter().map(value))
    }

    /// The spread of gauntlet's value divided by the peer's of the same round.
    pub fn ratios(&self, peer: Tool, value: impl Fn(&T) -> f64) -> Option<Spread> {
        let pairs = self.of(Tool::Gauntlet).iter().zip(self.of(peer));
        Spread::of(pairs.map(|(ours, theirs)| value(ours) / value(theirs)))
    }

    /// The medians of the peers, null for one that was not there.
    pub fn peers(&self, value: impl Fn(&T) -> f64) -> BTreeMap<Cow<'static, str>, Option<f64>> {
        let median = |peer| self.spread(peer, &value).map(|spread| spread.median);
        PEERS.map(|peer| (peer.name().into(), median(peer))).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_begins_in_turn() {
        use Tool::{Gauntlet, Pgbench, Sysbench};
        let all = [Gauntlet, Pgbench, Sysbench];
        assert_eq!(order(&all, 0), all);
        assert_eq!(order(&all, 1), [Pgbench, Sysbench, Gauntlet]);
        assert_eq!(order(&all, 5), [Sysbench, Gauntlet, Pgbench]);
        assert_eq!(order(&all[..2], 3), [Pgbench, Gauntlet]);
    }

    #[test]
    fn ratios_are_formed_round_by_round() {
        let mut rounds = Rounds::new();
        for (ours, theirs) in [(10.0, 10.0), (30.0, 20.0), (8.0, 16.0)] {
            rounds.add(Tool::Gauntlet, ours);
            rounds.add(Tool::Pgbench, theirs);
        }
        let spread = |median, min, max| Some(Spread { median, min, max });
        let value = |value: &f64| *value;
        assert_eq!(rounds.ratios(Tool::Pgbench, value), spread(1.0, 0.5, 1.5));
        assert_eq!(rounds.ratios(Tool::Sysbench, value), None);
        assert_eq!(
            rounds.spread(Tool::Gauntlet, value),
            spread(10.0, 8.0, 30.0)
        );
        assert_eq!(
            rounds.peers(value),
            BTreeMap::from([("pgbench".into(), Some(16.0)), ("sysbench".into(), None)])
        );
    }
}

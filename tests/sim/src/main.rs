//! `make sim`: plays seeds and prints what broke, or the story of one.

use std::{process::ExitCode, time::Instant};

use clap::Parser;

/// Plays the cluster on a manual clock with the faults of a seed.
#[derive(Debug, Parser)]
struct Options {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, from the first on
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// What the control plane and the workers log, like debug; nothing unless given
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(filter) = &options.log {
        tracing_subscriber::fmt()
            .with_env_filter(filter.as_str())
            .with_writer(std::io::stderr)
            .without_time()
            .init();
    }
    let (began, mut broken) = (Instant::now(), 0);
    for seed in options.seed..options.seed.saturating_add(options.seeds) {
        let outcome = gauntlet_sim::play(seed);
        if options.seeds == 1 {
            println!("{}", outcome.story.join("\n"));
        }
        if !outcome.broken.is_empty() {
            broken += 1;
            println!("seed {seed}:\n  {}", outcome.broken.join("\n  "));
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{} seeds, {broken} broken, {seconds:.1} s", options.seeds);
    if broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

//! The gauntlet binary: control plane, worker and command line in one.

mod cli;
mod plane;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}

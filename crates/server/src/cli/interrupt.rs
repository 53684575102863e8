//! Ctrl-C and SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{exit::Exit, failure::Failure, print};

/// The signals by which a person or a supervisor asks a process to end.
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// From now on the signals do not end the process by themselves.
    pub fn listen() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(Failure::Runtime)?,
            terminate: signal(SignalKind::terminate()).map_err(Failure::Runtime)?,
        })
    }

    /// The next signal. May be dropped and called again without a loss.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// A token that the first signal cancels; the second ends the process at once.
pub fn stop_token() -> Result<CancellationToken, Failure> {
    let mut interrupts = Interrupts::listen()?;
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    // Lives as long as the process and holds nothing but the token.
    tokio::spawn(async move {
        interrupts.next().await;
        cancelled.cancel();
        interrupts.next().await;
        print::aside("ended at once");
        std::process::exit(Exit::Failed.code().into());
    });
    Ok(stop)
}

//! Reading a stream of numbered records to its end.

use gauntlet_client::Code;
use tonic::{Status, Streaming};

use super::{exit::Exit, failure::Failure, interrupt::Interrupts};

/// Opens the stream after the last record seen, gives every message to `take`
/// with the place of that record's number, and opens it again where it was cut.
/// An error of the opening is final; Ctrl-C ends the reading.
pub async fn read<M>(
    mut open: impl AsyncFnMut(i64) -> Result<Streaming<M>, Status>,
    mut take: impl FnMut(M, &mut i64) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let mut interrupts = Interrupts::listen()?;
    let mut seen = 0;
    loop {
        let mut stream = open(seen).await?;
        loop {
            let message = tokio::select! {
                message = stream.message() => message,
                () = interrupts.next() => return Ok(Exit::Pass),
            };
            match message {
                Ok(Some(message)) => take(message, &mut seen)?,
                Ok(None) => return Ok(Exit::Pass),
                Err(status) if status.code() == Code::Unavailable => break,
                Err(status) => return Err(status.into()),
            }
        }
    }
}

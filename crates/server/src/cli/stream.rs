//! Reading a stream of records to its end.

use gauntlet_client::{Error, watch::Update};

use super::{exit::Exit, failure::Failure, interrupt::Interrupts, print};

/// Gives every record to `take` until there are no more. The stream is opened
/// again where it was cut, which the person is told once; Ctrl-C ends the reading.
pub async fn read<T>(
    mut next: impl AsyncFnMut() -> Result<Option<Update<T>>, Error>,
    mut take: impl FnMut(T) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let mut interrupts = Interrupts::listen()?;
    let mut cut = false;
    loop {
        let update = tokio::select! {
            update = next() => update?,
            () = interrupts.next() => return Ok(Exit::Pass),
        };
        match update {
            Some(Update::New(record)) => {
                if std::mem::take(&mut cut) {
                    print::aside("connected again");
                }
                take(record)?;
            }
            Some(Update::Interrupted(error)) => {
                if !std::mem::replace(&mut cut, true) {
                    print::aside(&format!("{error}; trying again"));
                }
            }
            None => return Ok(Exit::Pass),
        }
    }
}

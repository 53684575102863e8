//! One direction of a stream: messages take their time, and keep their order
//! unless the scenario says otherwise.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::chance::Chance;

/// Messages that wait for the other end.
const QUEUE: usize = 4_096;

/// How messages travel.
#[derive(Clone, Debug)]
pub struct Travel {
    /// At least and at most, microseconds.
    pub delay_us: (u64, u64),
    /// On top of it.
    pub slower: Duration,
    /// Once in so many times a message that may be doubled is, or is overtaken;
    /// never when 0.
    pub mangled_once_in: u64,
}

/// Carries messages from `source` to `sink` until one of them is closed.
/// `may_be_mangled` says which messages are made to be doubled and overtaken.
pub async fn carry<T: Clone + Send>(
    mut source: mpsc::Receiver<T>,
    sink: mpsc::Sender<T>,
    travel: Travel,
    mut chance: Chance,
    may_be_mangled: fn(&T) -> bool,
) {
    let mut under_way: BTreeMap<(Instant, u64), T> = BTreeMap::new();
    let (mut count, mut last) = (0, Instant::now());
    let mut open = true;
    while open || !under_way.is_empty() {
        let next = under_way.keys().next().map(|(at, _)| *at);
        tokio::select! {
            biased;
            () = sleep_until(next.unwrap_or(last)), if next.is_some() => {
                if let Some((_, message)) = under_way.pop_first()
                    && sink.send(message).await.is_err()
                {
                    return;
                }
            }
            message = source.recv(), if open && under_way.len() < QUEUE => match message {
                None => open = false,
                Some(message) => {
                    let delay = chance.between(travel.delay_us.0, travel.delay_us.1);
                    let at = Instant::now() + Duration::from_micros(delay) + travel.slower;
                    let mangled = travel.mangled_once_in > 0
                        && may_be_mangled(&message)
                        && chance.once_in(travel.mangled_once_in);
                    if mangled {
                        let later = at + Duration::from_millis(chance.between(1, 1_500));
                        count += 1;
                        if chance.once_in(2) {
                            under_way.insert((at.max(last), count), message.clone());
                            last = last.max(at);
                            count += 1;
                        }
                        under_way.insert((later, count), message);
                    } else {
                        last = last.max(at);
                        count += 1;
                        under_way.insert((last, count), message);
                    }
                }
            },
        }
    }
}

//! An observer that remembers what it was told.

use std::sync::{Arc, Mutex, PoisonError};

use gauntlet_connect::{CallEnd, CallStart, Codec, Fault, Observer, Protocol, code_name};
use tokio::sync::Notify;

/// A call that ended, without how long it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub method: Option<String>,
    pub streaming: bool,
    pub protocol: Protocol,
    pub codec: Codec,
    pub code: &'static str,
    pub bytes: (u64, u64),
    pub messages: (u64, u64),
}

#[derive(Debug, Default)]
pub struct Seen {
    lists: Mutex<Lists>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Lists {
    started: usize,
    ended: Vec<Ended>,
    faults: Vec<Fault>,
    open: usize,
}

impl Seen {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn with<T>(&self, change: impl FnOnce(&mut Lists) -> T) -> T {
        change(&mut self.lists.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn faults(&self) -> Vec<Fault> {
        self.with(|lists| lists.faults.clone())
    }

    /// The calls that ended; all that started must have.
    pub fn ended(&self) -> Vec<Ended> {
        self.with(|lists| {
            assert_eq!(lists.started, lists.ended.len(), "calls left open");
            lists.ended.clone()
        })
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.with(|lists| lists.open)
    }

    /// Waits for the first fault.
    pub async fn fault(&self) -> Fault {
        loop {
            let changed = self.changed.notified();
            if let Some(fault) = self.faults().first() {
                return *fault;
            }
            changed.await;
        }
    }

    /// Waits for the first call.
    pub async fn started(&self) {
        loop {
            let changed = self.changed.notified();
            if self.with(|lists| lists.started > 0) {
                return;
            }
            changed.await;
        }
    }
}

impl Observer for Seen {
    fn call_started(&self, _: &CallStart<'_>) {
        self.with(|lists| lists.started += 1);
        self.changed.notify_one();
    }

    fn call_ended(&self, call: &CallStart<'_>, end: &CallEnd) {
        let ended = Ended {
            method: call.method.map(str::to_owned),
            streaming: call.streaming,
            protocol: call.protocol,
            codec: call.codec,
            code: code_name(end.code),
            bytes: (end.bytes_in, end.bytes_out),
            messages: (end.messages_in, end.messages_out),
        };
        self.with(|lists| lists.ended.push(ended));
    }

    fn fault(&self, fault: Fault) {
        self.with(|lists| lists.faults.push(fault));
        self.changed.notify_one();
    }

    fn connection_opened(&self) {
        self.with(|lists| lists.open += 1);
    }

    fn connection_closed(&self) {
        self.with(|lists| lists.open -= 1);
    }
}

//! One connection: its session, which may be lost and opened again, and the way of one operation through it.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use tokio::time::timeout;

use super::{Cut, Slot, Thread};
use crate::clock::{NEVER, Nanos};
use crate::connection::{Backoff, CLOSE_WITHIN};
use crate::recorder::{Job, Times};
use crate::target::{AsyncSession, AsyncTarget, Done, ErrorClass, Failure};
use crate::work::Parameters;

/// Operations in a row that may end without waiting before the thread's other tasks get a turn.
const IMMEDIATE: u32 = 32;

/// See the module.
pub(super) struct Connection<T: AsyncTarget> {
    pub(super) thread: Rc<Thread<T>>,
    pub(super) slot: Rc<Slot>,
    /// Its number within the shard.
    pub(super) number: u32,
    session: Option<T::Session>,
    parameters: Parameters,
    backoff: Backoff,
    immediate: u32,
}

/// What the caller of [`Connection::perform`] must know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Performed {
    pub(super) end: Nanos,
    /// False if the target was never asked, so nothing slowed the caller down.
    pub(super) sent: bool,
}

/// How a try to get a session ended.
pub(super) enum Reconnect {
    /// There is a session.
    Open,
    /// The target refused.
    Refused(Failure),
    /// No work will come, so no session is needed.
    NotNeeded,
}

impl<T: AsyncTarget> Connection<T> {
    pub(super) fn new(
        thread: Rc<Thread<T>>,
        slot: Rc<Slot>,
        number: u32,
        session: T::Session,
    ) -> Self {
        let parameters = Parameters::new(&thread.plan, number);
        Self {
            thread,
            slot,
            number,
            session: Some(session),
            parameters,
            backoff: Backoff::default(),
            immediate: 0,
        }
    }

    /// Makes one try to open a session if there is none, after the pause that the tries before ask for.
    pub(super) async fn reconnect(&mut self) -> Reconnect {
        if self.session.is_some() {
            return Reconnect::Open;
        }
        if !self.pause().await {
            return Reconnect::NotNeeded;
        }
        let number = self.thread.plan.number(self.number);
        let mut exhausted = self.thread.exhausted.subscribe();
        tokio::select! {
            biased;
            _ = exhausted.wait_for(|exhausted| *exhausted) => Reconnect::NotNeeded,
            connected = super::connect(&*self.thread.target, number) => match connected {
                Ok(session) => {
                    self.session = Some(session);
                    self.thread.lane.session_reopened();
                    Reconnect::Open
                }
                Err(failure) => Reconnect::Refused(failure),
            },
        }
    }

    /// Waits as long as the failures so far ask for; false if no work will come.
    pub(super) async fn pause(&mut self) -> bool {
        let mut exhausted = self.thread.exhausted.subscribe();
        tokio::select! {
            biased;
            _ = exhausted.wait_for(|exhausted| *exhausted) => false,
            () = tokio::time::sleep(self.backoff.next()) => true,
        }
    }

    /// Performs one operation on the open session and records what became of it.
    #[inline]
    pub(super) async fn perform(
        &mut self,
        operation: usize,
        index: u64,
        due: Nanos,
        sent: Nanos,
    ) -> Performed {
        let Self {
            thread,
            slot,
            session,
            parameters,
            ..
        } = self;
        let (thread, slot) = (&**thread, &**slot);
        let session = session
            .as_mut()
            .expect("the caller has made sure of a session");
        let mut times = Times {
            due,
            sent,
            end: sent,
        };
        let values = match parameters.fill(&thread.work, operation, index) {
            Ok(values) => values,
            Err(failure) => {
                let job = Job {
                    operation,
                    index,
                    key: None,
                };
                thread.lane.began();
                thread.lane.recorder.failed(job, times, failure);
                thread.lane.ended();
                return Performed {
                    end: sent,
                    sent: false,
                };
            }
        };
        thread.control.note_operation(sent);
        thread.lane.began();
        slot.sent.set(sent);
        let (result, waited) = until_cut(slot, session.execute(operation, values)).await;
        slot.sent.set(NEVER);
        times.end = thread.control.clock.now();
        let job = Job {
            operation,
            index,
            key: Some(parameters.last_key()),
        };
        match result {
            Ok(Ok(Done { rows })) => {
                thread.lane.recorder.succeeded(job, times, rows);
                self.backoff.reset();
            }
            Ok(Err(failure)) => {
                thread.lane.recorder.failed(job, times, failure);
                if session.is_broken() {
                    thread.lane.session_lost();
                    self.session = None;
                }
            }
            Err(cut) => self.record_cut(cut, job, times).await,
        }
        self.thread.lane.ended();
        self.give_way(waited).await;
        Performed {
            end: times.end,
            sent: true,
        }
    }

    /// Counts an operation that was cut short and gives up the session, whose state is unknown now.
    async fn record_cut(&mut self, cut: Cut, job: Job, times: Times) {
        let lane = &self.thread.lane;
        match cut {
            Cut::Timeout => {
                let failure = timed_out(&self.thread.plan);
                lane.recorder.failed(job, times, failure);
                lane.session_lost();
            }
            Cut::Drain => lane.recorder.cut(job.operation, times.due),
        }
        if let Some(mut session) = self.session.take() {
            // Whether the target heard it is not our concern; the session is dropped in any case.
            let _ = timeout(CLOSE_WITHIN, session.cancel()).await;
        }
    }

    /// A target that never makes its caller wait must not keep the pacer and the overseer from their work.
    async fn give_way(&mut self, waited: bool) {
        self.immediate = if waited { 0 } else { self.immediate + 1 };
        if self.immediate >= IMMEDIATE {
            self.immediate = 0;
            tokio::task::yield_now().await;
        }
    }

    /// Ends the session in good order.
    pub(super) async fn close(self) {
        if let Some(session) = self.session {
            let _ = timeout(CLOSE_WITHIN, session.close()).await;
        }
    }
}

/// The failure that an operation has when the engine cuts it after its timeout.
fn timed_out(plan: &crate::plan::Plan) -> Failure {
    Failure {
        class: ErrorClass::Timeout,
        code: "OPERATION_TIMEOUT".to_owned(),
        message: format!(
            "not ended after the operation timeout of {} ms",
            plan.operation_timeout.as_millis()
        ),
    }
}

/// The operation's result, or the reason why the overseer cut it; and whether it had to wait.
#[inline]
async fn until_cut<F: Future>(slot: &Slot, operation: F) -> (Result<F::Output, Cut>, bool) {
    let mut operation = pin!(operation);
    let mut waited = false;
    let result = poll_fn(|context| {
        if let Poll::Ready(output) = operation.as_mut().poll(context) {
            // It ended before the cut was noticed, so it is no longer there to be cut.
            slot.cut.set(None);
            return Poll::Ready(Ok(output));
        }
        if let Some(cut) = slot.cut.take() {
            return Poll::Ready(Err(cut));
        }
        waited = true;
        slot.listen(context.waker());
        Poll::Pending
    })
    .await;
    (result, waited)
}

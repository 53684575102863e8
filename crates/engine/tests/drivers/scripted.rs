//! A fake asynchronous target: it asks the test what to do, and waits for the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gauntlet_engine::{
    AsyncSession, AsyncTarget, Done, ErrorClass, Failure, Handle, Plan, Value, start_async,
};
use tokio::sync::{mpsc, oneshot};

use crate::support::failure;

/// What the fake target asks the test.
pub enum Asked {
    Connect {
        connection: u32,
        answer: oneshot::Sender<Result<(), Failure>>,
    },
    Execute {
        parameters: Vec<Value>,
        answer: oneshot::Sender<Answer>,
    },
    Cancelled,
    Closed,
}

pub enum Answer {
    Done,
    Failed(Failure),
    Lost,
    Panic,
}

pub struct Scripted(mpsc::UnboundedSender<Asked>);

pub struct Session {
    asked: mpsc::UnboundedSender<Asked>,
    broken: Arc<AtomicBool>,
}

impl AsyncTarget for Scripted {
    type Session = Session;

    async fn connect(&self, connection: u32) -> Result<Session, Failure> {
        let (answer, answered) = oneshot::channel();
        let _ = self.0.send(Asked::Connect { connection, answer });
        answered
            .await
            .unwrap_or_else(|_| Err(failure(ErrorClass::Connection, "GONE")))?;
        Ok(Session {
            asked: self.0.clone(),
            broken: Arc::default(),
        })
    }
}

impl AsyncSession for Session {
    async fn execute(&mut self, _operation: usize, parameters: &[Value]) -> Result<Done, Failure> {
        let (answer, answered) = oneshot::channel();
        let _ = self.asked.send(Asked::Execute {
            parameters: parameters.to_vec(),
            answer,
        });
        match answered.await.unwrap_or(Answer::Lost) {
            Answer::Done => Ok(Done { rows: 2 }),
            Answer::Failed(failure) => Err(failure),
            Answer::Lost => {
                self.broken.store(true, Ordering::Relaxed);
                Err(failure(ErrorClass::Connection, "LOST"))
            }
            Answer::Panic => panic!("scripted"),
        }
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    async fn cancel(&mut self) {
        let _ = self.asked.send(Asked::Cancelled);
    }

    async fn close(self) {
        let _ = self.asked.send(Asked::Closed);
    }
}

pub struct Script {
    pub asked: mpsc::UnboundedReceiver<Asked>,
}

impl Script {
    /// Starts a load whose connections are all accepted, but not the load itself.
    pub async fn ready(plan: Plan) -> (Self, Handle) {
        let (mut script, mut handle) = Self::connecting(plan.clone());
        for _ in 0..plan.load.connections() {
            script.accept().await;
        }
        handle.ready().await.expect("all connections were accepted");
        (script, handle)
    }

    pub fn connecting(plan: Plan) -> (Self, Handle) {
        let (sender, asked) = mpsc::unbounded_channel();
        (
            Self { asked },
            start_async(plan, Scripted(sender)).expect("a valid plan"),
        )
    }

    pub async fn connect(&mut self) -> (u32, oneshot::Sender<Result<(), Failure>>) {
        match self.asked.recv().await {
            Some(Asked::Connect { connection, answer }) => (connection, answer),
            _ => panic!("expected a connect"),
        }
    }

    pub async fn accept(&mut self) -> u32 {
        let (connection, answer) = self.connect().await;
        answer.send(Ok(())).expect("the engine waits for it");
        connection
    }

    pub async fn execute(&mut self) -> (Vec<Value>, oneshot::Sender<Answer>) {
        match self.asked.recv().await {
            Some(Asked::Execute { parameters, answer }) => (parameters, answer),
            _ => panic!("expected an operation"),
        }
    }

    pub async fn answer(&mut self, with: Answer) {
        let (_, answer) = self.execute().await;
        let _ = answer.send(with);
    }
}

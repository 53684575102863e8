//! A control plane that does what the test says, on a port of its own.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gauntlet_api::v1::{
    self as pb,
    worker_service_server::{WorkerService, WorkerServiceServer},
};
use gauntlet_model::{
    session::{ControlMessage, Hello, PROTOCOL, Welcome, WorkerEvent},
    time::Timestamp,
};
use gauntlet_wire::session::{decode_worker, encode_control};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::WebPkiClientVerifier,
    },
};
use tokio_stream::{
    Stream,
    wrappers::{ReceiverStream, TcpListenerStream},
};
use tonic::{Request, Response, Status, Streaming, transport::Server};

/// A worker that says nothing for so long fails the test.
const PATIENCE: Duration = Duration::from_secs(30);

/// The listening server.
pub struct ControlPlane {
    pub address: SocketAddr,
    streams: mpsc::Receiver<Session>,
}

/// One stream of a worker.
pub struct Session {
    up: Streaming<pb::WorkerMessage>,
    down: mpsc::Sender<Result<pb::ControlMessage, Status>>,
    generation: u64,
}

struct Service {
    streams: mpsc::Sender<Session>,
    door: Door,
}

/// Who is let in.
#[derive(Clone, Copy)]
pub enum Door {
    Open,
    Closed,
    /// Open for who has a token.
    Token(&'static str),
}

#[tonic::async_trait]
impl WorkerService for Service {
    type AttachStream = Pin<Box<dyn Stream<Item = Result<pb::ControlMessage, Status>> + Send>>;

    async fn attach(
        &self,
        request: Request<Streaming<pb::WorkerMessage>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let shown = request.metadata().get("authorization");
        match self.door {
            Door::Closed => return Err(Status::failed_precondition("no workers wanted")),
            Door::Token(token) if shown.is_none_or(|shown| shown != token) => {
                return Err(Status::unauthenticated("no such account"));
            }
            Door::Open | Door::Token(_) => {}
        }
        let (down, queue) = mpsc::channel(64);
        let session = Session {
            up: request.into_inner(),
            down,
            generation: 0,
        };
        self.streams
            .send(session)
            .await
            .map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(queue))))
    }

    type WatchWorkersStream =
        Pin<Box<dyn Stream<Item = Result<pb::WatchWorkersResponse, Status>> + Send>>;

    async fn get_worker(
        &self,
        _: Request<pb::GetWorkerRequest>,
    ) -> Result<Response<pb::GetWorkerResponse>, Status> {
        Err(not_scripted())
    }

    async fn drain_worker(
        &self,
        _: Request<pb::DrainWorkerRequest>,
    ) -> Result<Response<pb::DrainWorkerResponse>, Status> {
        Err(not_scripted())
    }

    async fn watch_workers(
        &self,
        _: Request<pb::WatchWorkersRequest>,
    ) -> Result<Response<Self::WatchWorkersStream>, Status> {
        Err(not_scripted())
    }

    async fn list_workers(
        &self,
        _: Request<pb::ListWorkersRequest>,
    ) -> Result<Response<pb::ListWorkersResponse>, Status> {
        Err(not_scripted())
    }
}

fn not_scripted() -> Status {
    Status::unimplemented("not part of the script")
}

impl ControlPlane {
    pub async fn start(door: Door) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, streams) = mpsc::channel(4);
        let service = WorkerServiceServer::new(Service {
            streams: sender,
            door,
        });
        // It ends with the test's runtime.
        tokio::spawn(
            Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener)),
        );
        Self { address, streams }
    }

    /// The same by TLS, for workers that show a certificate of an authority.
    pub async fn start_tls(certificate: &str, key: &str, authority: &str) -> Self {
        let pem = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let mut authorities = RootCertStore::empty();
        authorities.add(pem(authority)).unwrap();
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(
            Arc::new(authorities),
            Arc::clone(&provider),
        );
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![pem(certificate)], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, streams) = mpsc::channel(4);
        let service = WorkerServiceServer::new(Service {
            streams: sender,
            door: Door::Open,
        });
        let service = TowerToHyperService::new(tonic::service::Routes::new(service));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, service) = (acceptor.clone(), service.clone());
                tokio::spawn(async move {
                    // One that is not let in is the worker's to see.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let server = auto::Builder::new(TokioExecutor::new());
                        let _ = server.serve_connection(TokioIo::new(stream), service).await;
                    }
                });
            }
        });
        Self { address, streams }
    }

    /// The worker's next stream: what it says first, answered by Welcome.
    pub async fn attached(&mut self, generation: u64) -> (Session, Hello) {
        let stream = timeout(PATIENCE, self.streams.recv()).await;
        let mut session = stream.expect("the worker attaches").unwrap();
        session.generation = generation;
        let Some(WorkerEvent::Hello(hello)) = session.next().await else {
            panic!("the first message is hello");
        };
        session
            .say(ControlMessage::Welcome(Welcome {
                protocol: PROTOCOL,
                generation,
                heartbeat_period: Duration::from_secs(1),
                now: now(),
            }))
            .await;
        (session, hello)
    }
}

impl Session {
    pub async fn say(&self, message: ControlMessage) {
        let message = encode_control(self.generation, &message);
        self.down.send(Ok(message)).await.unwrap();
    }

    /// What the worker says next; heartbeats are answered and passed over.
    /// `None` when it ended the stream.
    pub async fn next(&mut self) -> Option<WorkerEvent> {
        loop {
            let message = timeout(PATIENCE, self.up.message())
                .await
                .expect("the worker speaks")
                .unwrap()?;
            let received = now();
            match decode_worker(message).expect("the worker makes sense") {
                WorkerEvent::Heartbeat(heartbeat) => {
                    self.say(ControlMessage::HeartbeatReply {
                        sent: heartbeat.sent,
                        received,
                        replied: now(),
                    })
                    .await;
                }
                event => return Some(event),
            }
        }
    }

    /// The next event of a kind; others that come before are dropped.
    pub async fn wait_for<T>(&mut self, wanted: impl Fn(WorkerEvent) -> Option<T>) -> T {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    }
}

/// The server's clock.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(since_epoch.as_micros() as i64)
}

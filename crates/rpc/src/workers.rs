//! `WorkerService`.

use gauntlet_api::v1::{self as pb, worker_service_server::WorkerService};
use gauntlet_store::PageQuery;
use gauntlet_wire::{decode, encode};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    Backend,
    pull::{self, Down},
    roster,
    session::Session,
    status, watch_workers,
};

pub(crate) struct WorkerApi(pub(crate) Backend);

#[tonic::async_trait]
impl WorkerService for WorkerApi {
    type AttachStream = Down<pb::ControlMessage>;
    type WatchWorkersStream = Down<pb::WatchWorkersResponse>;

    async fn attach(
        &self,
        request: Request<Streaming<pb::WorkerMessage>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        Ok(pull::answer(
            Session::open(&self.0, request.into_inner()).await?,
        ))
    }

    async fn list_workers(
        &self,
        request: Request<pb::ListWorkersRequest>,
    ) -> Result<Response<pb::ListWorkersResponse>, Status> {
        let page = decode::list_workers(request.into_inner())?;
        let since = self.0.clock.now().before(roster::REMEMBERED);
        let query = PageQuery {
            after: page.after.clone(),
            limit: page.limit(),
        };
        let stored = self.0.stores.workers.list(since, query).await;
        let stored = stored.map_err(status::store)?;
        let registered = self.0.orchestrator.workers();
        let mut workers = roster::merge(registered, stored, page.after.as_ref());
        let next_page_token = page.cut(&mut workers, roster::key);
        Ok(Response::new(pb::ListWorkersResponse {
            workers: workers.iter().map(encode::worker).collect(),
            next_page_token,
        }))
    }

    async fn get_worker(
        &self,
        request: Request<pb::GetWorkerRequest>,
    ) -> Result<Response<pb::GetWorkerResponse>, Status> {
        let id = decode::get_worker(request.get_ref())?;
        let mut registered = self.0.orchestrator.workers().into_iter();
        let registered = registered.find(|worker| worker.id == id);
        let stored = match registered {
            Some(_) => None,
            None => self.0.stores.workers.get(id).await.map_err(status::store)?,
        };
        let found = roster::one(registered, stored).ok_or_else(|| status::no_worker(id))?;
        let worker = Some(encode::worker(&found));
        Ok(Response::new(pb::GetWorkerResponse { worker }))
    }

    async fn drain_worker(
        &self,
        request: Request<pb::DrainWorkerRequest>,
    ) -> Result<Response<pb::DrainWorkerResponse>, Status> {
        let request = decode::drain_worker(request.into_inner())?;
        let drained = self
            .0
            .orchestrator
            .drain(request.worker, request.message)
            .await;
        let worker = Some(encode::worker(&drained.map_err(status::drain)?));
        Ok(Response::new(pb::DrainWorkerResponse { worker }))
    }

    async fn watch_workers(
        &self,
        request: Request<pb::WatchWorkersRequest>,
    ) -> Result<Response<Self::WatchWorkersStream>, Status> {
        watch_workers::watch_workers(&self.0, request.into_inner()).await
    }
}

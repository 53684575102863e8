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
    status,
};

pub(crate) struct WorkerApi(pub(crate) Backend);

#[tonic::async_trait]
impl WorkerService for WorkerApi {
    type AttachStream = Down<pb::ControlMessage>;

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
}

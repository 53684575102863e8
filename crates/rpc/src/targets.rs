//! `TargetService`.

use gauntlet_api::v1::{self as pb, target_service_server::TargetService};
use gauntlet_store::PageQuery;
use gauntlet_wire::{decode, encode};
use tonic::{Request, Response, Status};

use crate::{
    Backend, catalog,
    load::Load,
    pull::{self, Down},
    status,
};

pub(crate) struct TargetApi(pub(crate) Backend);

#[tonic::async_trait]
impl TargetService for TargetApi {
    type LoadDatasetStream = Down<pb::LoadDatasetResponse>;

    async fn create_target(
        &self,
        request: Request<pb::CreateTargetRequest>,
    ) -> Result<Response<pb::CreateTargetResponse>, Status> {
        let request = decode::create_target(request.into_inner())?;
        let (id, now) = ((self.0.ids)(), self.0.clock.now());
        let made =
            catalog::create_target(&self.0.stores, self.0.vault.as_ref(), request, id, now).await;
        let made = made.map_err(status::store)?;
        Ok(Response::new(pb::CreateTargetResponse {
            target: Some(encode::target(&made)),
        }))
    }

    async fn get_target(
        &self,
        request: Request<pb::GetTargetRequest>,
    ) -> Result<Response<pb::GetTargetResponse>, Status> {
        let named = decode::get_target(request.into_inner())?;
        let found = catalog::target(&self.0.stores, &named)
            .await
            .map_err(status::login)?;
        Ok(Response::new(pb::GetTargetResponse {
            target: Some(encode::target(&found)),
        }))
    }

    async fn list_targets(
        &self,
        request: Request<pb::ListTargetsRequest>,
    ) -> Result<Response<pb::ListTargetsResponse>, Status> {
        let request = decode::list_targets(request.into_inner())?;
        let page = request.page;
        let query = PageQuery {
            after: page.after.clone(),
            limit: page.limit(),
        };
        let stored = self.0.stores.targets.list(&request.project, query).await;
        let mut targets = stored.map_err(status::store)?;
        let next_page_token = page.cut(&mut targets, |last| {
            (last.project.clone(), last.name.clone())
        });
        Ok(Response::new(pb::ListTargetsResponse {
            targets: targets.iter().map(encode::target).collect(),
            next_page_token,
        }))
    }

    async fn test_target(
        &self,
        request: Request<pb::TestTargetRequest>,
    ) -> Result<Response<pb::TestTargetResponse>, Status> {
        let named = decode::test_target(request.into_inner())?;
        let login = catalog::login(&self.0.stores, self.0.vault.as_ref(), &named)
            .await
            .map_err(status::login)?;
        let found = self.0.access.test(&login).await.map_err(status::access)?;
        Ok(Response::new(pb::TestTargetResponse {
            version: found.version,
            connect_us: found.connect_us,
        }))
    }

    async fn load_dataset(
        &self,
        request: Request<pb::LoadDatasetRequest>,
    ) -> Result<Response<Self::LoadDatasetStream>, Status> {
        let request = decode::load_dataset(request.into_inner())?;
        let login = catalog::login(&self.0.stores, self.0.vault.as_ref(), &request.target)
            .await
            .map_err(status::login)?;
        Ok(pull::answer(Load::begin(&self.0, login, request.dataset)))
    }
}

//! `TargetService`.

mod answers;
pub(crate) use answers::profile;

use gauntlet_api::v1::{self as pb, target_service_server::TargetService};
use gauntlet_orchestrator::access::{
    AccessError, CATALOG_AT_MOST, CatalogTable, Login, TargetAccess,
};
use gauntlet_store::PageQuery;
use gauntlet_wire::{
    decode::{self, Named},
    encode,
    page::Page,
};
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
        let login = self.login(&named).await?;
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
        let login = self.login(&request.target).await?;
        Ok(pull::answer(Load::begin(&self.0, login, request.dataset)))
    }

    async fn update_target(
        &self,
        request: Request<pb::UpdateTargetRequest>,
    ) -> Result<Response<pb::UpdateTargetResponse>, Status> {
        let request = decode::update_target(request.into_inner())?;
        let changed = catalog::update_target(&self.0.stores, self.0.vault.as_ref(), request).await;
        let target = Some(encode::target(&changed.map_err(status::target)?));
        Ok(Response::new(pb::UpdateTargetResponse { target }))
    }

    async fn delete_target(
        &self,
        request: Request<pb::DeleteTargetRequest>,
    ) -> Result<Response<pb::DeleteTargetResponse>, Status> {
        let request = decode::delete_target(request.into_inner())?;
        let deleted = catalog::delete_target(&self.0.stores, request).await;
        deleted.map_err(status::target)?;
        Ok(Response::new(pb::DeleteTargetResponse {}))
    }

    async fn get_capabilities(
        &self,
        request: Request<pb::GetCapabilitiesRequest>,
    ) -> Result<Response<pb::GetCapabilitiesResponse>, Status> {
        let named = decode::get_capabilities(request.into_inner())?;
        let login = self.login(&named).await?;
        let found = self.0.access.capabilities(&login).await;
        let capabilities = Some(answers::capabilities(found.map_err(status::access)?));
        Ok(Response::new(pb::GetCapabilitiesResponse { capabilities }))
    }

    async fn list_catalog(
        &self,
        request: Request<pb::ListCatalogRequest>,
    ) -> Result<Response<pb::ListCatalogResponse>, Status> {
        let request = decode::list_catalog(request.into_inner())?;
        let login = self.login(&request.target).await?;
        let (schema, page) = (request.schema.as_deref(), request.page);
        let tables = catalog_page(self.0.access.as_ref(), &login, schema, &page).await;
        let mut tables = tables.map_err(status::access)?;
        let next_page_token =
            page.cut(&mut tables, |last| (last.schema.clone(), last.name.clone()));
        Ok(Response::new(pb::ListCatalogResponse {
            tables: tables.into_iter().map(answers::table).collect(),
            next_page_token,
        }))
    }

    async fn profile_table(
        &self,
        request: Request<pb::ProfileTableRequest>,
    ) -> Result<Response<pb::ProfileTableResponse>, Status> {
        let request = decode::profile_table(request.into_inner())?;
        let login = self.login(&request.target).await?;
        let (table, rows) = (&request.table, request.sample_rows);
        let found = self.0.access.profile(&login, table, rows).await;
        let profile = Some(answers::profile(found.map_err(status::access)?));
        Ok(Response::new(pb::ProfileTableResponse { profile }))
    }
}

/// The tables of a page and the one after it, if there is one.
async fn catalog_page(
    access: &dyn TargetAccess,
    login: &Login,
    schema: Option<&str>,
    page: &Page<(String, String)>,
) -> Result<Vec<CatalogTable>, AccessError> {
    let limit = page.limit().min(CATALOG_AT_MOST);
    let mut tables = access
        .catalog(login, schema, page.after.clone(), limit)
        .await?;
    // The largest page is as large as one answer.
    if limit < page.limit() && tables.len() == limit as usize {
        let after = tables
            .last()
            .map(|last| (last.schema.clone(), last.name.clone()));
        tables.extend(access.catalog(login, schema, after, 1).await?);
    }
    Ok(tables)
}

impl TargetApi {
    async fn login(&self, target: &Named) -> Result<Login, Status> {
        let login = catalog::login(&self.0.stores, self.0.vault.as_ref(), target);
        login.await.map_err(status::login)
    }
}

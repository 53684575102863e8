//! `TemplateService`.

use gauntlet_api::v1::{self as pb, template_service_server::TemplateService};
use gauntlet_store::PageQuery;
use gauntlet_wire::{decode, encode};
use tonic::{Request, Response, Status};

use crate::{Backend, catalog, pools, status, targets, template_files};

pub(crate) struct TemplateApi(pub(crate) Backend);

#[tonic::async_trait]
impl TemplateService for TemplateApi {
    async fn create_template(
        &self,
        request: Request<pb::CreateTemplateRequest>,
    ) -> Result<Response<pb::CreateTemplateResponse>, Status> {
        let request = decode::create_template(request.into_inner())?;
        let asked = template_files::Asked {
            project: &request.project,
            name: &request.name,
            spec: &request.spec,
        };
        template_files::must_agree(asked, request.source.as_deref()).await?;
        let (id, now) = ((self.0.ids)(), self.0.clock.now());
        let made = catalog::create_template(&self.0.stores, request, id, now)
            .await
            .map_err(status::template)?;
        Ok(Response::new(pb::CreateTemplateResponse {
            template: Some(encode::template(&made)),
        }))
    }

    async fn get_template(
        &self,
        request: Request<pb::GetTemplateRequest>,
    ) -> Result<Response<pb::GetTemplateResponse>, Status> {
        let request = decode::get_template(request.into_inner())?;
        let found = catalog::template(&self.0.stores, &request)
            .await
            .map_err(status::template)?;
        Ok(Response::new(pb::GetTemplateResponse {
            template: Some(encode::template(&found)),
        }))
    }

    async fn list_templates(
        &self,
        request: Request<pb::ListTemplatesRequest>,
    ) -> Result<Response<pb::ListTemplatesResponse>, Status> {
        let request = decode::list_templates(request.into_inner())?;
        let page = request.page;
        let query = PageQuery {
            after: page.after.clone(),
            limit: page.limit(),
        };
        let stored = self.0.stores.templates.list(&request.project, query).await;
        let mut templates = stored.map_err(status::store)?;
        let next_page_token = page.cut(&mut templates, |last| {
            (last.project.clone(), last.name.clone())
        });
        Ok(Response::new(pb::ListTemplatesResponse {
            templates: templates.iter().map(encode::template).collect(),
            next_page_token,
        }))
    }

    async fn update_template(
        &self,
        request: Request<pb::UpdateTemplateRequest>,
    ) -> Result<Response<pb::UpdateTemplateResponse>, Status> {
        let request = decode::update_template(request.into_inner())?;
        let asked = template_files::Asked {
            project: &request.template.project,
            name: &request.template.name,
            spec: &request.spec,
        };
        template_files::must_agree(asked, request.source.as_deref()).await?;
        let newest = catalog::update_template(&self.0.stores, request, self.0.clock.now())
            .await
            .map_err(status::template)?;
        Ok(Response::new(pb::UpdateTemplateResponse {
            template: Some(encode::template(&newest)),
        }))
    }

    async fn validate_template(
        &self,
        request: Request<pb::ValidateTemplateRequest>,
    ) -> Result<Response<pb::ValidateTemplateResponse>, Status> {
        let request = decode::validate_template(request.into_inner())?;
        let violations = catalog::violations(&self.0.stores, request).await;
        let violations = violations.map_err(status::store)?;
        Ok(Response::new(pb::ValidateTemplateResponse {
            violations: encode::violations(violations),
        }))
    }

    async fn parse_template(
        &self,
        request: Request<pb::ParseTemplateRequest>,
    ) -> Result<Response<pb::ParseTemplateResponse>, Status> {
        template_files::parse_template(&self.0, request.into_inner()).await
    }

    async fn format_template(
        &self,
        request: Request<pb::FormatTemplateRequest>,
    ) -> Result<Response<pb::FormatTemplateResponse>, Status> {
        template_files::format_template(request.into_inner()).await
    }

    async fn list_template_versions(
        &self,
        request: Request<pb::ListTemplateVersionsRequest>,
    ) -> Result<Response<pb::ListTemplateVersionsResponse>, Status> {
        let request = decode::list_template_versions(request.into_inner())?;
        let page = request.page;
        let query = PageQuery {
            after: page.after,
            limit: page.limit(),
        };
        let found = catalog::versions(&self.0.stores, &request.template, query).await;
        let mut versions = found.map_err(status::template)?;
        let next_page_token = page.cut(&mut versions, |last| last.version);
        Ok(Response::new(pb::ListTemplateVersionsResponse {
            versions: versions.iter().map(encode::template).collect(),
            next_page_token,
        }))
    }

    async fn clone_template(
        &self,
        request: Request<pb::CloneTemplateRequest>,
    ) -> Result<Response<pb::CloneTemplateResponse>, Status> {
        let request = decode::clone_template(request.into_inner())?;
        let (id, now) = ((self.0.ids)(), self.0.clock.now());
        let made = catalog::clone_template(&self.0.stores, request, id, now).await;
        let template = Some(encode::template(&made.map_err(status::template)?));
        Ok(Response::new(pb::CloneTemplateResponse { template }))
    }

    async fn delete_template(
        &self,
        request: Request<pb::DeleteTemplateRequest>,
    ) -> Result<Response<pb::DeleteTemplateResponse>, Status> {
        let request = decode::delete_template(request.into_inner())?;
        let deleted = catalog::delete_template(&self.0.stores, request).await;
        deleted.map_err(status::template)?;
        Ok(Response::new(pb::DeleteTemplateResponse {}))
    }

    async fn prepare_template(
        &self,
        request: Request<pb::PrepareTemplateRequest>,
    ) -> Result<Response<pb::PrepareTemplateResponse>, Status> {
        let request = decode::prepare_template(request.into_inner())?;
        let (vault, access) = (self.0.vault.as_ref(), self.0.access.as_ref());
        let now = self.0.clock.now();
        let prepared = catalog::prepare(&self.0.stores, vault, access, request, now).await;
        let prepared = prepared.map_err(status::prepare)?;
        Ok(Response::new(pb::PrepareTemplateResponse {
            tables: prepared.tables.into_iter().map(targets::profile).collect(),
            pools: prepared.pools.iter().map(encode::pool).collect(),
        }))
    }

    async fn create_value_pool(
        &self,
        request: Request<pb::CreateValuePoolRequest>,
    ) -> Result<Response<pb::CreateValuePoolResponse>, Status> {
        pools::create_value_pool(&self.0, request.into_inner()).await
    }

    async fn get_value_pool(
        &self,
        request: Request<pb::GetValuePoolRequest>,
    ) -> Result<Response<pb::GetValuePoolResponse>, Status> {
        pools::get_value_pool(&self.0, request.into_inner()).await
    }

    async fn list_value_pools(
        &self,
        request: Request<pb::ListValuePoolsRequest>,
    ) -> Result<Response<pb::ListValuePoolsResponse>, Status> {
        pools::list_value_pools(&self.0, request.into_inner()).await
    }

    async fn delete_value_pool(
        &self,
        request: Request<pb::DeleteValuePoolRequest>,
    ) -> Result<Response<pb::DeleteValuePoolResponse>, Status> {
        pools::delete_value_pool(&self.0, request.into_inner()).await
    }
}

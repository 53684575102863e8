//! `TemplateService`.

use gauntlet_api::v1::{self as pb, template_service_server::TemplateService};
use gauntlet_store::PageQuery;
use gauntlet_wire::{decode, encode};
use tonic::{Request, Response, Status};

use crate::{Backend, catalog, status};

pub(crate) struct TemplateApi(pub(crate) Backend);

#[tonic::async_trait]
impl TemplateService for TemplateApi {
    async fn create_template(
        &self,
        request: Request<pb::CreateTemplateRequest>,
    ) -> Result<Response<pb::CreateTemplateResponse>, Status> {
        let request = decode::create_template(request.into_inner())?;
        let (id, now) = ((self.0.ids)(), self.0.clock.now());
        let made = catalog::create_template(&self.0.stores, request, id, now)
            .await
            .map_err(status::store)?;
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
        let violations = decode::validate_template(request.into_inner())?;
        Ok(Response::new(pb::ValidateTemplateResponse {
            violations: encode::violations(violations),
        }))
    }
}

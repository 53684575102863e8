//! The part of `TemplateService` that is about value pools.

use gauntlet_api::v1 as pb;
use gauntlet_store::PageQuery;
use gauntlet_wire::{decode, encode};
use tonic::{Response, Status};

use crate::{Backend, catalog, status};

pub(crate) async fn create_value_pool(
    backend: &Backend,
    request: pb::CreateValuePoolRequest,
) -> Result<Response<pb::CreateValuePoolResponse>, Status> {
    let request = decode::create_value_pool(request)?;
    let made = catalog::create_pool(&backend.stores, request, backend.clock.now()).await;
    let pool = Some(encode::pool(&made.map_err(status::store)?));
    Ok(Response::new(pb::CreateValuePoolResponse { pool }))
}

pub(crate) async fn get_value_pool(
    backend: &Backend,
    request: pb::GetValuePoolRequest,
) -> Result<Response<pb::GetValuePoolResponse>, Status> {
    let named = decode::get_value_pool(request)?;
    let found = catalog::pool(&backend.stores, &named).await;
    let pool = Some(encode::pool(&found.map_err(status::pool)?));
    Ok(Response::new(pb::GetValuePoolResponse { pool }))
}

pub(crate) async fn list_value_pools(
    backend: &Backend,
    request: pb::ListValuePoolsRequest,
) -> Result<Response<pb::ListValuePoolsResponse>, Status> {
    let request = decode::list_value_pools(request)?;
    let page = request.page;
    let query = PageQuery {
        after: page.after.clone(),
        limit: page.limit(),
    };
    let stored = backend.stores.pools.list(&request.project, query).await;
    let mut pools = stored.map_err(status::store)?;
    let next_page_token = page.cut(&mut pools, |last| (last.project.clone(), last.name.clone()));
    Ok(Response::new(pb::ListValuePoolsResponse {
        pools: pools.iter().map(encode::pool).collect(),
        next_page_token,
    }))
}

pub(crate) async fn delete_value_pool(
    backend: &Backend,
    request: pb::DeleteValuePoolRequest,
) -> Result<Response<pb::DeleteValuePoolResponse>, Status> {
    let named = decode::delete_value_pool(request)?;
    let deleted = catalog::delete_pool(&backend.stores, named).await;
    deleted.map_err(status::pool)?;
    Ok(Response::new(pb::DeleteValuePoolResponse {}))
}

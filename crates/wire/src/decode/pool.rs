//! Requests about value pools.

use gauntlet_api::v1 as pb;
use gauntlet_model::pool::{MOST_BYTES, MOST_VALUES};

use super::{ListNamed, Named, list_named, named};
use crate::{
    Violations,
    digest::digest,
    fields::{Fields, read},
    rules::check,
};

/// A pool to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateValuePool {
    /// Makes the call repeatable.
    pub request_id: Option<String>,
    /// What it is called, and where.
    pub pool: Named,
    /// Its values; `None` is SQL NULL.
    pub values: Vec<Option<String>>,
}

impl CreateValuePool {
    /// A digest of the content.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let content = (&self.pool, &self.values);
        format!("{:032x}", digest(&format!("{content:?}")))
    }
}

/// `CreateValuePool`.
pub fn create_value_pool(
    request: pb::CreateValuePoolRequest,
) -> Result<CreateValuePool, Violations> {
    read(check(&request), |fields| {
        let request_id = fields.request_id(request.request_id);
        let pool = fields.required("pool", request.pool)?;
        let mut fields = fields.child("pool");
        let named = named(&mut fields, pool.project, pool.name);
        let values = values(&mut fields, pool.values);
        Some(CreateValuePool {
            request_id,
            pool: named?,
            values: values?,
        })
    })
}

/// `GetValuePool`.
pub fn get_value_pool(request: pb::GetValuePoolRequest) -> Result<Named, Violations> {
    read(check(&request), |fields| {
        named(fields, request.project, request.name)
    })
}

/// `ListValuePools`.
pub fn list_value_pools(request: pb::ListValuePoolsRequest) -> Result<ListNamed, Violations> {
    read(check(&request), |fields| {
        list_named(fields, "pools", request.project, request.page)
    })
}

/// `DeleteValuePool`.
pub fn delete_value_pool(request: pb::DeleteValuePoolRequest) -> Result<Named, Violations> {
    read(check(&request), |fields| {
        named(fields, request.project, request.name)
    })
}

fn values(fields: &mut Fields<'_>, values: Vec<pb::PoolValue>) -> Option<Vec<Option<String>>> {
    if values.is_empty() || values.len() > MOST_VALUES {
        let message = format!("must be 1 to {MOST_VALUES}, there are {}", values.len());
        fields.add("values", message);
        return None;
    }
    let texts = || values.iter().filter_map(|value| value.text.as_ref());
    let bytes: usize = texts().map(String::len).sum();
    if bytes > MOST_BYTES {
        let message = format!("must have at most {MOST_BYTES} bytes in all, they have {bytes}");
        fields.add("values", message);
        return None;
    }
    // The first is enough: a list of thousands would help nobody.
    let holds_nul =
        |value: &pb::PoolValue| value.text.as_ref().is_some_and(|text| text.contains('\0'));
    if let Some(index) = values.iter().position(holds_nul) {
        let place = format!("values[{index}].text");
        fields.add(&place, "must not hold the character NUL");
        return None;
    }
    Some(values.into_iter().map(|value| value.text).collect())
}

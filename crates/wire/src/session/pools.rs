//! The values of the pools that an assignment's operations draw from.

use std::collections::BTreeSet;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::Name,
    session::MOST_POOL_BYTES,
    template::{Parameter, Spec},
};

use crate::fields::Fields;

/// A pool's name and values; `None` is SQL NULL.
type Pool = (Name, Vec<Option<String>>);

pub(super) fn encode((name, values): &Pool) -> pb::AssignedPool {
    let value = |text: &Option<String>| pb::AssignedValue { text: text.clone() };
    pb::AssignedPool {
        name: name.to_string(),
        values: values.iter().map(value).collect(),
    }
}

/// The pools, of which every one that `spec` names must be there.
pub(super) fn decode(
    fields: &mut Fields<'_>,
    pools: Vec<pb::AssignedPool>,
    spec: Option<&Spec>,
) -> Option<Vec<Pool>> {
    let bytes: usize = pools
        .iter()
        .flat_map(|pool| &pool.values)
        .map(|value| value.text.as_ref().map_or(0, String::len))
        .sum();
    if bytes > MOST_POOL_BYTES {
        let message = format!("must be at most {MOST_POOL_BYTES} bytes in all, they are {bytes}");
        fields.add("pools", message);
        return None;
    }
    let read: Vec<_> = pools
        .into_iter()
        .enumerate()
        .map(|(index, given)| pool(&mut fields.child(format!("pools[{index}]")), given))
        .collect();
    let pools: Vec<Pool> = read.into_iter().collect::<Option<_>>()?;
    let given: BTreeSet<&Name> = pools.iter().map(|(name, _)| name).collect();
    for name in drawn_from(spec) {
        if !given.contains(name) {
            fields.add(
                "pools",
                format!("the values of {:?} are missing", name.as_str()),
            );
        }
    }
    Some(pools)
}

fn pool(fields: &mut Fields<'_>, pool: pb::AssignedPool) -> Option<Pool> {
    let name = fields.name("name", pool.name);
    if pool.values.is_empty() {
        fields.add("values", "must not be empty");
    }
    let values = pool.values.into_iter().map(|value| value.text).collect();
    Some((name?, values))
}

fn drawn_from(spec: Option<&Spec>) -> impl Iterator<Item = &Name> {
    spec.into_iter()
        .flat_map(|spec| &spec.operations)
        .flat_map(|operation| &operation.parameters)
        .filter_map(|parameter| match parameter {
            Parameter::Pool { pool, .. } => Some(pool),
            _ => None,
        })
}

//! Create calls that may be repeated.

use gauntlet_model::time::Timestamp;
use gauntlet_store::{Error, Idempotency, Result};
use uuid::Uuid;

use crate::{
    columns::Columns,
    database::Transaction,
    dialect::Dialect,
    statement::{Statement, id, query},
};

/// Takes the request id for what is about to be made, in the transaction that
/// makes it. `Some` is the id of what the same request made before.
///
/// A request that comes twice at the same time waits here for the first one.
pub(crate) async fn claim<D: Dialect>(
    transaction: &mut Transaction<D>,
    request: Option<&Idempotency>,
    made: Uuid,
    created: Timestamp,
) -> Result<Option<Uuid>> {
    let Some(request) = request else {
        return Ok(None);
    };
    let (key, fingerprint) = (&request.key, &request.fingerprint);
    let insert = Statement::new(
        query!("idempotency/insert"),
        [
            key.as_str().into(),
            fingerprint.as_str().into(),
            id(made),
            created.into(),
        ],
    );
    let subject = request.subject();
    if transaction.execute(&subject, insert).await? == 1 {
        return Ok(None);
    }
    let get = Statement::new(query!("idempotency/get"), [key.as_str().into()]);
    let rows = transaction.fetch(&subject, get).await?;
    let row = rows
        .first()
        .ok_or_else(|| Error::Conflict(format!("request {key:?}")))?;
    let mut columns = Columns::<D>::new("idempotency", row);
    if columns.text()? != *fingerprint {
        return Err(Error::AlreadyExists(subject));
    }
    Ok(Some(columns.id()?))
}

//! Evidence in SQL.

use async_trait::async_trait;
use gauntlet_model::{
    evidence::{Piece, Place},
    id::RunId,
    time::Timestamp,
};
use gauntlet_store::{Evidence, PageQuery, Result};

use crate::{
    columns::Columns,
    database::Sql,
    script::{Row, Script},
    statement::{Statement, id, json, query},
};

#[async_trait]
impl Evidence for Sql {
    async fn put(&self, run: RunId, piece: &Piece) -> Result<()> {
        let subject = format!("run {run}");
        let values = [
            id(run),
            piece.place.word().as_ref().into(),
            piece.taken.into(),
            json("evidence", &piece.found)?,
        ];
        let put = Statement::new(query!("evidence/put"), values);
        self.write(Script::of(&subject, put)).await?;
        Ok(())
    }

    async fn get(&self, run: RunId) -> Result<Vec<Piece>> {
        let get = Statement::new(query!("evidence/get"), [id(run)]);
        let rows = self.fetch(get).await?.into_iter();
        let mut pieces = rows.map(read).collect::<Result<Vec<Piece>>>()?;
        // By their words they would be in another order.
        pieces.sort_by_key(|piece| piece.place);
        Ok(pieces)
    }

    async fn activity(&self, run: RunId, page: PageQuery<Timestamp>) -> Result<Vec<Piece>> {
        let after = page.after.unwrap_or(Timestamp(i64::MIN));
        let values = [id(run), after.into(), page.limit.into()];
        let activity = Statement::new(query!("evidence/activity"), values);
        self.fetch(activity).await?.into_iter().map(read).collect()
    }
}

fn read(row: Row) -> Result<Piece> {
    let mut columns = Columns::new("evidence", row);
    Ok(Piece {
        place: columns.word(Place::parse)?,
        taken: columns.time()?,
        found: columns.json()?,
    })
}

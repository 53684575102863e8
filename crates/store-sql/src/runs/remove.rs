//! Runs that go.

use gauntlet_model::{id::RunId, lifecycle::Status};
use gauntlet_store::Result;

use crate::{
    columns::Columns,
    database::Sql,
    script::Script,
    statement::{Statement, id, query},
};

impl Sql {
    /// Removes a run with everything that belongs to it, if it is at rest;
    /// whether it was. Of a run with much detail that goes first: a run that is
    /// over stays so, and one that was never started has none.
    pub(super) async fn remove(&self, run: RunId) -> Result<bool> {
        let status = Statement::new(query!("runs/get_status"), [id(run)]);
        let Some(row) = self.fetch_optional(status).await? else {
            return Ok(false);
        };
        let word = |word: &str| Status::ALL.into_iter().find(|one| one.as_str() == word);
        if Columns::new("runs", row).word(word)?.is_terminal() {
            self.remove_intervals(run).await?;
        }
        let delete = Statement::new(query!("runs/delete"), [id(run)]);
        let done = self.write(Script::of("", delete)).await?;
        let Some(row) = done.into_iter().flat_map(|one| one.rows).next() else {
            return Ok(false);
        };
        self.announce(run, &Columns::new("runs", row).named()?, None);
        Ok(true)
    }
}

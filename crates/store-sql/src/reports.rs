//! Reports in SQL.

use async_trait::async_trait;
use gauntlet_model::{id::RunId, report::Report, verdict::Verdict};
use gauntlet_store::{Reports, Result, Validity};

use crate::{
    columns::Columns,
    database::Sql,
    script::Script,
    statement::{Statement, id, json, query},
};

/// The stable word of a verdict, as reports spell it.
pub(crate) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Inconclusive => "INCONCLUSIVE",
        Verdict::Fail => "FAIL",
    }
}

/// The verdict of a stable word.
pub(crate) fn verdict_of(word: &str) -> Option<Verdict> {
    [Verdict::Pass, Verdict::Inconclusive, Verdict::Fail]
        .into_iter()
        .find(|verdict| verdict_word(*verdict) == word)
}

#[async_trait]
impl Reports for Sql {
    async fn put(&self, report: &Report) -> Result<()> {
        let subject = format!("run {}", report.run);
        let values = [
            id(report.run),
            json("a report", report)?,
            report.created.into(),
        ];
        let put = Statement::new(query!("reports/put"), values);
        let verdict = report.verdict.map(|one| verdict_word(one).to_owned());
        let values = [
            id(report.run),
            verdict.into(),
            Validity::of(report).as_str().into(),
        ];
        let judge = Statement::new(query!("runs/judge"), values);
        let script = Script::of(&subject, put).send(&subject, judge);
        self.write(script).await?;
        Ok(())
    }

    async fn get(&self, run: RunId) -> Result<Option<Report>> {
        let get = Statement::new(query!("reports/get"), [id(run)]);
        let row = self.fetch_optional(get).await?;
        row.map(|row| Columns::new("reports", row).json())
            .transpose()
    }
}

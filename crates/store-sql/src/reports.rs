//! Reports in SQL.

use async_trait::async_trait;
use gauntlet_model::{id::RunId, report::Report};
use gauntlet_store::{Reports, Result};

use crate::{
    columns::Columns,
    database::Sql,
    dialect::Dialect,
    statement::{Statement, id, json, query},
};

#[async_trait]
impl<D: Dialect> Reports for Sql<D> {
    async fn put(&self, report: &Report) -> Result<()> {
        let values = [
            id(report.run),
            json("a report", report)?,
            report.created.into(),
        ];
        let put = Statement::new(query!("reports/put"), values);
        let mut transaction = self.begin().await?;
        transaction
            .execute(&format!("run {}", report.run), put)
            .await?;
        transaction.commit().await
    }

    async fn get(&self, run: RunId) -> Result<Option<Report>> {
        let get = Statement::new(query!("reports/get"), [id(run)]);
        let row = self.fetch_optional(get).await?;
        row.map(|row| Columns::<D>::new("reports", &row).json())
            .transpose()
    }
}

//! The version of the tables.

use gauntlet_store::{Error, Result};

use crate::{
    columns::Columns,
    database::{Sql, UPGRADE},
    dialect::{postgres, sqlite},
    location::Location,
    script::{Row, Script, Step, send},
    statement::{Statement, query},
};

/// What applying the schema did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The version before; `None` when there was none.
    pub from: Option<i32>,
    /// The version now.
    pub to: i32,
}

/// The version that this binary needs of a store.
pub(crate) fn needed(location: &Location) -> u32 {
    let words = match location {
        Location::Sqlite(_) => sqlite::WORDS,
        Location::Postgres(_) => postgres::WORDS,
    };
    words.schema.len() as u32
}

/// Brings the tables to the version of this binary, all or nothing.
pub(crate) async fn apply(sql: &Sql) -> Result<Applied> {
    let words = sql.dialect.words();
    let to = words.schema.len() as i32;
    let mut script = Script::default();
    if let Some(lock) = words.schema_lock {
        script = script.send("", Statement::new(lock, []));
    }
    // The statement that reads the version, if there is one, comes after these.
    let version_at = script.steps.len() + 1;
    let location = sql.location.clone();
    let script = script
        .send("", Statement::new(words.schema_exists, []))
        .then(move |exists| {
            if exists.rows.is_empty() {
                return Ok(definitions(words.schema, to));
            }
            let location = location.clone();
            let upgrade = move |found: &crate::script::Done| match stored(&found.rows)? {
                Some(newer) if newer > to => Err(newer_than_this(&location, newer, to)),
                from => {
                    let done = from.unwrap_or(0) as usize;
                    Ok(definitions(&words.schema[done..], to))
                }
            };
            Ok(vec![
                send("", Statement::new(query!("schema/get"), [])),
                Step::Then(Box::new(upgrade)),
            ])
        });
    let exists_at = version_at - 1;
    let done = sql.write_within(UPGRADE, script).await?;
    let from = if done[exists_at].rows.is_empty() {
        None
    } else {
        stored(&done[version_at].rows)?
    };
    Ok(Applied { from, to })
}

/// Makes some versions and records that it is `to` now.
fn definitions(texts: &'static [&'static str], to: i32) -> Vec<Step> {
    let mut steps: Vec<Step> = texts
        .iter()
        .map(|text| send("", Statement::definition(text)))
        .collect();
    // PostgreSQL prepares what is sent together before the first of it is done,
    // and the table must be there by then.
    steps.push(Step::Then(Box::new(|_| Ok(Vec::new()))));
    let record = Statement::new(query!("schema/put"), [to.into()]);
    steps.push(send("", record));
    steps
}

/// [`Error::Unavailable`] unless the tables are of this binary's version.
pub(crate) async fn check(sql: &Sql) -> Result<()> {
    let words = sql.dialect.words();
    let exists = Statement::new(words.schema_exists, []);
    if sql.fetch(exists).await?.is_empty() {
        return Err(missing(&sql.location));
    }
    let rows = sql.fetch(Statement::new(query!("schema/get"), [])).await?;
    let (location, needed) = (&sql.location, words.schema.len() as i32);
    match stored(&rows)? {
        None => Err(missing(location)),
        Some(version) if version == needed => Ok(()),
        Some(newer) if newer > needed => Err(newer_than_this(location, newer, needed)),
        Some(older) => Err(Error::Unavailable(format!(
            "{location} has schema version {older}, this gauntlet needs {needed}; \
             run: {}",
            apply_to(location)
        ))),
    }
}

fn stored(rows: &[Row]) -> Result<Option<i32>> {
    let version = |row: &Row| Columns::new("schema_version", row.clone()).number::<i32>();
    let version = rows.first().map(version).transpose()?;
    match version {
        Some(version) if version < 0 => Err(Error::Corrupt(format!("schema version {version}"))),
        version => Ok(version),
    }
}

/// There is nothing yet, or nothing of ours.
pub(crate) fn missing(location: &str) -> Error {
    Error::Unavailable(format!(
        "{location} has no schema; run: {}",
        apply_to(location)
    ))
}

/// The command as a shell takes it, to which a `?` is a pattern and a `&` an end.
fn apply_to(location: &str) -> String {
    let quote = if location.contains('?') { "'" } else { "" };
    format!("gauntlet schema apply --store {quote}{location}{quote}")
}

fn newer_than_this(location: &str, found: i32, needed: i32) -> Error {
    Error::Unavailable(format!(
        "{location} has schema version {found}, newer than version {needed} of this gauntlet; \
         use the newer gauntlet"
    ))
}

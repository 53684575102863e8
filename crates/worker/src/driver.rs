//! A template and a target in the words of the target drivers: for a shard that
//! is about to run, and for the control plane's questions before and after.

use gauntlet_model::{
    target::{Address, Authorities, Encryption, Secret},
    template::{self, Spec},
};
use gauntlet_targets::{Class, Config, Statement, StatementKind};

/// Where to log in; `application` is what the target shows for the sessions.
#[must_use]
pub fn target_config(address: &Address, password: Option<&Secret>, application: String) -> Config {
    match address {
        Address::Sqlite { path } => Config::Sqlite { path: path.clone() },
        Address::Postgres {
            host,
            port,
            database,
            user,
            encryption,
        } => Config::Postgres {
            host: host.clone(),
            port: *port,
            database: database.clone(),
            user: user.clone(),
            password: password.map(|password| gauntlet_targets::Secret::new(password.expose())),
            application_name: application,
            encryption: encrypted(encryption),
        },
    }
}

fn encrypted(encryption: &Encryption) -> gauntlet_targets::Encryption {
    use gauntlet_targets::{Authorities as Theirs, Encryption as To};
    let believed = |authorities: &Authorities| match authorities {
        Authorities::System => Theirs::System,
        Authorities::Pem(pem) => Theirs::Pem(pem.clone()),
    };
    match encryption {
        Encryption::None => To::None,
        Encryption::Required => To::Required,
        Encryption::VerifyAuthority(authorities) => To::VerifyAuthority(believed(authorities)),
        Encryption::VerifyHost(authorities) => To::VerifyHost(believed(authorities)),
    }
}

/// What a target shows for the sessions of a run: workers log in under it, and
/// by it the control plane finds them there.
#[must_use]
pub fn application(run_name: &str) -> String {
    format!("gauntlet {run_name}")
}

/// One statement per operation, in the template's order.
#[must_use]
pub fn statements(spec: &Spec) -> Vec<Statement> {
    spec.operations.iter().map(statement).collect()
}

fn statement(operation: &template::Operation) -> Statement {
    use template::Statement as S;
    let class = match operation.statement.class() {
        template::Class::Read => Class::Read,
        template::Class::Write => Class::Write,
    };
    let (table, key) = operation.statement.table_and_key().unwrap_or_default();
    let (kind, columns, sql) = match &operation.statement {
        S::PointLookup { columns, .. } => (StatementKind::PointLookup, columns.clone(), ""),
        S::RangeScan { columns, limit, .. } => {
            let kind = StatementKind::RangeScan { limit: *limit };
            (kind, columns.clone(), "")
        }
        S::Insert { columns, .. } => (StatementKind::Insert, columns.clone(), ""),
        S::Update { columns, .. } => (StatementKind::Update, columns.clone(), ""),
        S::Sql { text, .. } => (StatementKind::Sql, Vec::new(), text.as_str()),
    };
    Statement {
        name: operation.name.to_string(),
        kind,
        class,
        table: table.to_owned(),
        key_column: key.to_owned(),
        columns,
        sql: sql.to_owned(),
    }
}

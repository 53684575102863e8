//! Targets.

use gauntlet_api::v1 as pb;
use gauntlet_model::target::{Address, Authorities, Encryption, Secret, Target};

use super::etag;

/// A target, without its password.
#[must_use]
pub fn target(target: &Target) -> pb::Target {
    pb::Target {
        target_id: target.id.to_string(),
        project: target.project.to_string(),
        name: target.name.to_string(),
        address: Some(address(&target.address, None)),
        created_us: target.created.0,
        etag: etag(target.revision),
        price_per_hour: target.price_per_hour,
    }
}

/// An address; with the password only on its way to a worker.
pub(crate) fn address(address: &Address, password: Option<&Secret>) -> pb::target::Address {
    match address {
        Address::Sqlite { path } => pb::target::Address::Sqlite(pb::SqliteAddress {
            path: path.to_string_lossy().into_owned(),
        }),
        Address::Postgres {
            host,
            port,
            database,
            user,
            encryption,
        } => {
            let (mode, authorities) = ssl_mode(encryption);
            pb::target::Address::Postgres(pb::PostgresAddress {
                host: host.clone(),
                port: u32::from(*port),
                database: database.clone(),
                user: user.clone(),
                password: password.map_or_else(String::new, |secret| secret.expose().to_owned()),
                ssl_mode: mode.into(),
                root_certificate: match authorities {
                    Some(Authorities::Pem(pem)) => pem.clone(),
                    Some(Authorities::System) | None => String::new(),
                },
            })
        }
    }
}

fn ssl_mode(encryption: &Encryption) -> (pb::SslMode, Option<&Authorities>) {
    match encryption {
        Encryption::None => (pb::SslMode::Disable, None),
        Encryption::Required => (pb::SslMode::Require, None),
        Encryption::VerifyAuthority(authorities) => (pb::SslMode::VerifyCa, Some(authorities)),
        Encryption::VerifyHost(authorities) => (pb::SslMode::VerifyFull, Some(authorities)),
    }
}

//! PostgreSQL through `tokio-postgres`.

mod admin;
mod capabilities;
mod catalog;
mod dataset;
mod driver;
mod evidence;
mod load;
mod parameter;
mod plan;
mod profile;
mod sample;

use std::time::Duration;

use gauntlet_postgres_tls::Trouble;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::config::Config;
use crate::error::TargetError;

pub(crate) use admin::{check_statements, count_keys, describe_table, max_key, test};
pub(crate) use capabilities::capabilities;
pub(crate) use catalog::{catalog, near_tables};
pub(crate) use dataset::load_dataset;
pub(crate) use evidence::{WaitLine, statistics};
pub(crate) use load::start;
pub(crate) use plan::preflight;
pub(crate) use profile::profile;
pub(crate) use sample::sample_column;

/// How long opening a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// What it means that no connection could be opened.
fn not_connected(config: &Config, error: &Error) -> TargetError {
    let Some(trouble) = Trouble::of(error) else {
        return target_error(config, error, CONNECT_WITHIN);
    };
    let (address, reason) = (config.address(), trouble.to_string());
    if trouble.is_passing() {
        return TargetError::Unreachable { address, reason };
    }
    TargetError::Encryption { address, reason }
}

/// What an error means for a caller who asked about the target as a whole.
fn target_error(config: &Config, error: &Error, within: Duration) -> TargetError {
    let address = config.address();
    let message = message(error);
    match error.code() {
        Some(code) if is_refusal_of_user(code) => authentication_failed(config, message),
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
            TargetError::NoSuchDatabase { address }
        }
        Some(code) if *code == SqlState::QUERY_CANCELED => TargetError::Timeout { address, within },
        Some(code)
            if *code == SqlState::TOO_MANY_CONNECTIONS || *code == SqlState::CANNOT_CONNECT_NOW =>
        {
            TargetError::Unreachable {
                address,
                reason: message,
            }
        }
        Some(_) => TargetError::Failed { address, message },
        None if is_about_password(error) => authentication_failed(config, message),
        None => TargetError::Unreachable {
            address,
            reason: message,
        },
    }
}

fn is_refusal_of_user(code: &SqlState) -> bool {
    *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
}

/// The driver itself notices that a password is asked for and none was given; it has no code for that.
fn is_about_password(error: &Error) -> bool {
    let text = message(error);
    text.contains("password missing") || text.contains("authentication")
}

fn authentication_failed(config: &Config, reason: String) -> TargetError {
    let user = if let Config::Postgres { user, .. } = config {
        user.clone()
    } else {
        String::new()
    };
    TargetError::AuthenticationFailed {
        address: config.address(),
        user,
        reason,
    }
}

/// One sentence: what the server said, or the driver and its cause.
fn message(error: &Error) -> String {
    if let Some(error) = error.as_db_error() {
        return error.message().to_owned();
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

//! Requests of `TargetService`.

use std::path::PathBuf;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::{Name, Project},
    target::{Address, Dataset, Secret},
};

use super::{ListNamed, Named, list_named, named};
use crate::{
    Violations,
    digest::digest,
    fields::{Fields, read},
};

const LONGEST_PATH: usize = 4_096;
const LONGEST_HOST: usize = 255;
const LONGEST_NAME: usize = 128;
const LONGEST_PASSWORD: usize = 1_024;
const MOST_ROWS: i64 = 1_000_000_000;
const POSTGRES_PORT: u16 = 5_432;

/// A target to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTarget {
    /// Makes the call repeatable.
    pub request_id: Option<String>,
    /// The project.
    pub project: Project,
    /// Unique in the project.
    pub name: Name,
    /// Where it is and who logs in.
    pub address: Address,
    /// The login's password.
    pub password: Option<Secret>,
}

impl CreateTarget {
    /// A digest of the content. Of the password it holds only whether there is
    /// one: a digest of it in the store could be used to guess it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let content = (
            &self.project,
            &self.name,
            &self.address,
            self.password.is_some(),
        );
        format!("{:032x}", digest(&format!("{content:?}")))
    }
}

/// A table to make on a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadDataset {
    /// Where.
    pub target: Named,
    /// What.
    pub dataset: Dataset,
}

/// `CreateTarget`.
pub fn create_target(request: pb::CreateTargetRequest) -> Result<CreateTarget, Violations> {
    read(|fields| {
        let request_id = fields.request_id(request.request_id);
        let target = fields.required("target", request.target)?;
        let mut fields = fields.child("target");
        let project = fields.project("project", target.project);
        let name = fields.name("name", target.name);
        let address = address(&mut fields, target.address);
        let (address, password) = address?;
        Some(CreateTarget {
            request_id,
            project: project?,
            name: name?,
            address,
            password,
        })
    })
}

/// `GetTarget`.
pub fn get_target(request: pb::GetTargetRequest) -> Result<Named, Violations> {
    read(|fields| named(fields, request.project, request.name))
}

/// `ListTargets`.
pub fn list_targets(request: pb::ListTargetsRequest) -> Result<ListNamed, Violations> {
    read(|fields| list_named(fields, "targets", request.project, request.page))
}

/// `TestTarget`.
pub fn test_target(request: pb::TestTargetRequest) -> Result<Named, Violations> {
    read(|fields| named(fields, request.project, request.name))
}

/// `LoadDataset`.
pub fn load_dataset(request: pb::LoadDatasetRequest) -> Result<LoadDataset, Violations> {
    read(|fields| {
        let target = named(fields, request.project, request.name);
        let dataset = fields.required("dataset", request.dataset)?;
        let mut fields = fields.child("dataset");
        let table = fields.filled("table", dataset.table, LONGEST_NAME);
        if !(1..=MOST_ROWS).contains(&dataset.rows) {
            let message = format!("must be 1 to {MOST_ROWS}, it is {}", dataset.rows);
            fields.add("rows", message);
        }
        Some(LoadDataset {
            target: target?,
            dataset: Dataset {
                table: table?,
                rows: dataset.rows,
                seed: dataset.seed,
                replace: dataset.replace,
            },
        })
    })
}

/// The address of a target message and the password in it.
pub(crate) fn address(
    fields: &mut Fields<'_>,
    address: Option<pb::target::Address>,
) -> Option<(Address, Option<Secret>)> {
    match address {
        None => {
            fields.add("address", "is required: give sqlite or postgres");
            None
        }
        Some(pb::target::Address::Sqlite(sqlite)) => {
            let path = sqlite_path(&mut fields.child("sqlite"), sqlite.path)?;
            Some((Address::Sqlite { path }, None))
        }
        Some(pb::target::Address::Postgres(address)) => {
            postgres(&mut fields.child("postgres"), address)
        }
    }
}

fn sqlite_path(fields: &mut Fields<'_>, path: String) -> Option<PathBuf> {
    let path = PathBuf::from(fields.filled("path", path, LONGEST_PATH)?);
    if path.is_absolute() {
        return Some(path);
    }
    let message = format!("must be an absolute path, it is {:?}", path.display());
    fields.add("path", message);
    None
}

fn postgres(
    fields: &mut Fields<'_>,
    address: pb::PostgresAddress,
) -> Option<(Address, Option<Secret>)> {
    let host = fields.filled("host", address.host, LONGEST_HOST);
    let port = match u16::try_from(address.port) {
        Ok(0) => Some(POSTGRES_PORT),
        Ok(port) => Some(port),
        Err(_) => {
            fields.add(
                "port",
                format!("must be at most 65535, it is {}", address.port),
            );
            None
        }
    };
    let database = fields.filled("database", address.database, LONGEST_NAME);
    let user = fields.filled("user", address.user, LONGEST_NAME);
    let password = fields.text("password", address.password, LONGEST_PASSWORD)?;
    let address = Address::Postgres {
        host: host?,
        port: port?,
        database: database?,
        user: user?,
    };
    Some((
        address,
        (!password.is_empty()).then(|| Secret::new(password)),
    ))
}

//! Requests of `TargetService`.

mod encryption;

use std::path::PathBuf;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::{Name, Project},
    target::{Address, Dataset, Secret},
};

use super::{ListNamed, Named, etag, list_named, named};
use crate::{
    Violations,
    digest::digest,
    fields::{Fields, read},
    page::{self, Page},
    rules::check,
};

const LONGEST_PATH: usize = 4_096;
const LONGEST_HOST: usize = 255;
const LONGEST_NAME: usize = 128;
const LONGEST_PASSWORD: usize = 1_024;
/// The longest name of a table, with its schema and quotes.
const LONGEST_TABLE: usize = 512;
const MOST_ROWS: i64 = 1_000_000_000;
const MOST_SAMPLE_ROWS: u32 = 1_000_000;
const SAMPLE_ROWS: u32 = 10_000;
const POSTGRES_PORT: u16 = 5_432;

/// A target to register.
#[derive(Clone, Debug, PartialEq)]
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
    /// What it costs per hour; 0 when not known.
    pub price_per_hour: f64,
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
            self.price_per_hour.to_bits(),
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

/// A target as it shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateTarget {
    /// Which one.
    pub target: Named,
    /// Where it is and who logs in.
    pub address: Address,
    /// Whether connections stay encrypted as they are: nothing is said of it, and
    /// the address has none.
    pub keeps_encryption: bool,
    /// What becomes of the password.
    pub password: NewPassword,
    /// What it costs per hour; 0 when not known.
    pub price_per_hour: f64,
    /// The revision as the caller knows it; `None` for whatever it is.
    pub revision: Option<i64>,
}

/// What becomes of a target's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewPassword {
    /// It stays.
    Keep,
    /// This one takes its place.
    Set(Secret),
    /// There is none any more.
    Remove,
}

/// A target to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteTarget {
    /// Which one.
    pub target: Named,
    /// The revision as the caller knows it; `None` for whatever it is.
    pub revision: Option<i64>,
}

/// Tables of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListCatalog {
    /// The target.
    pub target: Named,
    /// Only of this schema; `None` for all but the database's own.
    pub schema: Option<String>,
    /// Which page, by schema and name.
    pub page: Page<(String, String)>,
}

/// A table to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileTable {
    /// The target.
    pub target: Named,
    /// The table, with or without its schema.
    pub table: String,
    /// The most rows to look at.
    pub sample_rows: u32,
}

/// `CreateTarget`.
pub fn create_target(request: pb::CreateTargetRequest) -> Result<CreateTarget, Violations> {
    read(check(&request), |fields| {
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
            price_per_hour: target.price_per_hour,
        })
    })
}

/// `GetTarget`.
pub fn get_target(request: pb::GetTargetRequest) -> Result<Named, Violations> {
    read(check(&request), |fields| {
        named(fields, request.project, request.name)
    })
}

/// `ListTargets`.
pub fn list_targets(request: pb::ListTargetsRequest) -> Result<ListNamed, Violations> {
    read(check(&request), |fields| {
        list_named(fields, "targets", request.project, request.page)
    })
}

/// `TestTarget`.
pub fn test_target(request: pb::TestTargetRequest) -> Result<Named, Violations> {
    read(check(&request), |fields| {
        named(fields, request.project, request.name)
    })
}

/// `LoadDataset`.
pub fn load_dataset(request: pb::LoadDatasetRequest) -> Result<LoadDataset, Violations> {
    read(check(&request), |fields| {
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

/// `UpdateTarget`.
pub fn update_target(request: pb::UpdateTargetRequest) -> Result<UpdateTarget, Violations> {
    read(check(&request), |fields| {
        let revision = etag(fields, &request.etag);
        let target = fields.required("target", request.target)?;
        let keeps_encryption = matches!(
            &target.address,
            Some(pb::target::Address::Postgres(address))
                if address.ssl_mode() == pb::SslMode::Unspecified
        );
        let (named, address) = {
            let mut fields = fields.child("target");
            let named = named(&mut fields, target.project, target.name);
            (named, address(&mut fields, target.address))
        };
        let (address, password) = address?;
        let password = match (password, request.remove_password) {
            (Some(_), true) => {
                fields.add(
                    "remove_password",
                    "must be false when a password is given: it takes the place of the stored one",
                );
                return None;
            }
            // A file asks for no password.
            (None, false) if matches!(address, Address::Postgres { .. }) => NewPassword::Keep,
            (None, _) => NewPassword::Remove,
            (Some(password), false) => NewPassword::Set(password),
        };
        Some(UpdateTarget {
            target: named?,
            address,
            keeps_encryption,
            password,
            price_per_hour: target.price_per_hour,
            revision,
        })
    })
}

/// `DeleteTarget`.
pub fn delete_target(request: pb::DeleteTargetRequest) -> Result<DeleteTarget, Violations> {
    read(check(&request), |fields| {
        let target = named(fields, request.project, request.name);
        let revision = etag(fields, &request.etag);
        Some(DeleteTarget {
            target: target?,
            revision,
        })
    })
}

/// `GetCapabilities`.
pub fn get_capabilities(request: pb::GetCapabilitiesRequest) -> Result<Named, Violations> {
    read(check(&request), |fields| {
        named(fields, request.project, request.name)
    })
}

/// `ListCatalog`.
pub fn list_catalog(request: pb::ListCatalogRequest) -> Result<ListCatalog, Violations> {
    read(check(&request), |fields| {
        let query = format!(
            "catalog {:?}",
            (&request.project, &request.name, &request.schema)
        );
        let target = named(fields, request.project, request.name);
        let schema = fields.text("schema", request.schema, LONGEST_NAME);
        let page = page::page(fields, request.page, &query);
        Some(ListCatalog {
            target: target?,
            schema: Some(schema?).filter(|schema| !schema.is_empty()),
            page: page?,
        })
    })
}

/// `ProfileTable`.
pub fn profile_table(request: pb::ProfileTableRequest) -> Result<ProfileTable, Violations> {
    read(check(&request), |fields| {
        let target = named(fields, request.project, request.name);
        let table = fields.filled("table", request.table, LONGEST_TABLE);
        let sample_rows = sample_rows(fields, request.sample_rows);
        Some(ProfileTable {
            target: target?,
            table: table?,
            sample_rows: sample_rows?,
        })
    })
}

/// How many rows of a table to look at.
pub(super) fn sample_rows(fields: &mut Fields<'_>, rows: u32) -> Option<u32> {
    match rows {
        0 => Some(SAMPLE_ROWS),
        rows => fields.count("sample_rows", rows, MOST_SAMPLE_ROWS),
    }
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
    let password = fields.text("password", address.password, LONGEST_PASSWORD);
    let encryption = encryption::encryption(
        fields,
        host.as_deref().unwrap_or_default(),
        address.ssl_mode,
        address.root_certificate,
    );
    let password = password?;
    let address = Address::Postgres {
        host: host?,
        port: port?,
        database: database?,
        user: user?,
        encryption: encryption?,
    };
    Some((
        address,
        (!password.is_empty()).then(|| Secret::new(password)),
    ))
}

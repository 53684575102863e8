//! Which crate may depend on which: the table of ARCHITECTURE.md, as data and a check over `cargo metadata`.

use serde_json::Value;

/// What stands before the folder's name in a package's name.
const PREFIX: &str = "gauntlet-";

/// What one crate may depend on among ours.
#[derive(Clone, Copy, Debug)]
enum Allowed {
    Only(&'static [&'static str]),
    AllBut(&'static str),
    All,
}

/// The arrows. A crate that is not here is refused, so a new one is placed on purpose.
const TABLE: &[(&str, Allowed)] = &[
    ("model", Allowed::Only(&[])),
    ("api", Allowed::Only(&[])),
    ("engine", Allowed::Only(&[])),
    ("connect", Allowed::Only(&[])),
    ("dial", Allowed::Only(&[])),
    ("postgres-tls", Allowed::Only(&[])),
    ("wire", Allowed::Only(&["model", "api"])),
    ("template-file", Allowed::Only(&["api"])),
    ("client", Allowed::Only(&["api", "dial", "template-file"])),
    ("store", Allowed::Only(&["model"])),
    ("targets", Allowed::Only(&["engine", "postgres-tls"])),
    (
        "store-sql",
        Allowed::Only(&["store", "model", "postgres-tls"]),
    ),
    ("export", Allowed::Only(&["model"])),
    ("orchestrator", Allowed::Only(&["model", "store"])),
    (
        "worker",
        Allowed::Only(&["wire", "api", "dial", "model", "engine", "targets"]),
    ),
    (
        "rpc",
        Allowed::Only(&[
            "wire",
            "api",
            "model",
            "store",
            "export",
            "orchestrator",
            "template-file",
        ]),
    ),
    ("server", Allowed::AllBut("testkit")),
    ("testkit", Allowed::All),
    ("conformance", Allowed::Only(&["connect"])),
    ("sim", Allowed::All),
    (TESTS, Allowed::All),
];

/// The package of end-to-end tests, which looks at everything from outside.
const TESTS: &str = "tests";
/// What any crate may add for its tests.
const TESTKIT: &str = "testkit";

/// Packages from outside that only some of our crates may use. The end-to-end tests may use any, to check from outside.
const CONFINED: &[(&str, &[&str])] = &[
    ("rusqlite", &["store-sql", "targets"]),
    ("tokio-postgres", &["postgres-tls", "store-sql", "targets"]),
];

/// Crates that know neither gRPC nor protobuf.
const WITHOUT_GRPC: &[&str] = &["engine", "orchestrator", "model", "store"];

/// A dependency's role: `dependencies`, `dev-dependencies` or `build-dependencies`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Part of what ships.
    Normal,
    /// For the crate's own tests.
    Dev,
    /// For the crate's build script.
    Build,
}

/// One package of the workspace and what its manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The package's name, such as `gauntlet-engine`.
    pub name: String,
    /// The names of the packages that it depends on, whatever they are renamed to, with the role of each.
    pub dependencies: Vec<(String, Role)>,
}

/// `cargo metadata` printed something that is not its documented shape.
#[derive(Debug, thiserror::Error)]
pub enum NotMetadata {
    /// Not JSON at all.
    #[error("cargo metadata is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A field that is always there is not.
    #[error("cargo metadata has no {0}")]
    Field(&'static str),
}

/// Reads the output of `cargo metadata --no-deps --format-version 1`.
pub fn packages(metadata: &str) -> Result<Vec<Package>, NotMetadata> {
    let metadata: Value = serde_json::from_str(metadata)?;
    list(&metadata, "packages")?.iter().map(package).collect()
}

fn package(value: &Value) -> Result<Package, NotMetadata> {
    let dependencies = list(value, "dependencies")?
        .iter()
        .map(dependency)
        .collect::<Result<_, _>>()?;
    Ok(Package {
        name: name(value)?,
        dependencies,
    })
}

fn dependency(value: &Value) -> Result<(String, Role), NotMetadata> {
    let role = match value["kind"].as_str() {
        Some("dev") => Role::Dev,
        Some("build") => Role::Build,
        _ => Role::Normal,
    };
    Ok((name(value)?, role))
}

fn list<'value>(
    value: &'value Value,
    field: &'static str,
) -> Result<&'value Vec<Value>, NotMetadata> {
    value[field].as_array().ok_or(NotMetadata::Field(field))
}

fn name(value: &Value) -> Result<String, NotMetadata> {
    value["name"]
        .as_str()
        .map(str::to_owned)
        .ok_or(NotMetadata::Field("name"))
}

/// Every dependency among our own crates that the table does not allow, one sentence each.
#[must_use]
pub fn arrows(packages: &[Package]) -> Vec<String> {
    let mut violations = Vec::new();
    for package in packages {
        let Some(from) = folder(&package.name) else {
            violations.push(format!("{}: name it {PREFIX}<folder>", package.name));
            continue;
        };
        let Some((_, allowed)) = TABLE.iter().find(|(crate_name, _)| *crate_name == from) else {
            violations.push(format!(
                "{}: place it in the table of tests/src/layers.rs and of ARCHITECTURE.md",
                package.name
            ));
            continue;
        };
        for (name, role) in &package.dependencies {
            if folder(name).is_some_and(|to| !allows(*allowed, to, *role)) {
                violations.push(format!(
                    "{} may not depend on {name}: {}",
                    package.name,
                    describe(*allowed)
                ));
            }
        }
    }
    violations
}

/// Rows of the table that no package of the workspace has, one sentence each: a misspelt row allows nothing.
#[must_use]
pub fn missing_packages(packages: &[Package]) -> Vec<String> {
    let exists = |row: &str| {
        packages
            .iter()
            .any(|package| folder(&package.name) == Some(row))
    };
    let missing = TABLE.iter().filter(|(row, _)| !exists(row));
    missing
        .map(|(row, _)| format!("the table names {row}, but there is no package {PREFIX}{row}"))
        .collect()
}

/// Every use of a package from outside where the architecture keeps it out, one sentence each.
#[must_use]
pub fn confinement(packages: &[Package]) -> Vec<String> {
    let mut violations = Vec::new();
    for package in packages {
        let Some(from) = folder(&package.name).filter(|from| *from != TESTS) else {
            continue;
        };
        for (name, _) in &package.dependencies {
            let homes = CONFINED
                .iter()
                .find(|(confined, _)| confined == name)
                .map(|(_, homes)| *homes);
            if let Some(homes) = homes.filter(|homes| !homes.contains(&from)) {
                violations.push(format!(
                    "{} may not use {name}: only {} may",
                    package.name,
                    homes.join(", ")
                ));
            }
            if WITHOUT_GRPC.contains(&from) && is_grpc(name) {
                violations.push(format!(
                    "{} may not use {name}: it knows neither gRPC nor protobuf",
                    package.name
                ));
            }
        }
    }
    violations
}

fn folder(package: &str) -> Option<&str> {
    package.strip_prefix(PREFIX)
}

fn allows(allowed: Allowed, to: &str, role: Role) -> bool {
    match allowed {
        Allowed::All => true,
        _ if role == Role::Dev && to == TESTKIT => true,
        Allowed::AllBut(refused) => to != refused && to != TESTS,
        Allowed::Only(names) => names.contains(&to),
    }
}

fn describe(allowed: Allowed) -> String {
    match allowed {
        Allowed::All => "it may depend on any of ours".to_owned(),
        Allowed::AllBut(refused) => format!("it may depend on any of ours but {refused}"),
        Allowed::Only([]) => {
            format!("it may depend on none of ours, and on {TESTKIT} in its tests")
        }
        Allowed::Only(names) => format!(
            "it may depend on {}, and on {TESTKIT} in its tests",
            names.join(", ")
        ),
    }
}

fn is_grpc(package: &str) -> bool {
    ["tonic", "prost"].iter().any(|family| {
        package
            .strip_prefix(family)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depends(name: &str, on: &str, role: Role) -> Vec<Package> {
        vec![Package {
            name: name.to_owned(),
            dependencies: vec![(on.to_owned(), role)],
        }]
    }

    #[test]
    fn reads_names_and_roles() {
        let metadata = r#"{"packages":[{"name":"gauntlet-wire","dependencies":[
            {"name":"gauntlet-model","kind":null,"rename":"nouns"},{"name":"tempfile","kind":"dev"},{"name":"protox","kind":"build"}]}]}"#;
        let expected = Package {
            name: "gauntlet-wire".to_owned(),
            dependencies: vec![
                ("gauntlet-model".to_owned(), Role::Normal),
                ("tempfile".to_owned(), Role::Dev),
                ("protox".to_owned(), Role::Build),
            ],
        };
        assert_eq!(packages(metadata).unwrap(), [expected]);
        assert_eq!(
            packages("{}").unwrap_err().to_string(),
            "cargo metadata has no packages"
        );
        assert!(packages("error: no manifest").is_err());
    }

    #[test]
    fn arrows_follow_the_table() {
        let cases = [
            ("gauntlet-wire", "gauntlet-model", Role::Normal, true),
            ("gauntlet-wire", "gauntlet-store", Role::Normal, false),
            ("gauntlet-engine", "gauntlet-model", Role::Normal, false),
            ("gauntlet-engine", "gauntlet-api", Role::Build, false),
            ("gauntlet-engine", "serde", Role::Normal, true),
            ("gauntlet-engine", "gauntlet-testkit", Role::Dev, true),
            ("gauntlet-engine", "gauntlet-testkit", Role::Normal, false),
            ("gauntlet-engine", "gauntlet-model", Role::Dev, false),
            ("gauntlet-worker", "gauntlet-store", Role::Normal, false),
            ("gauntlet-server", "gauntlet-worker", Role::Normal, true),
            ("gauntlet-server", "gauntlet-testkit", Role::Normal, false),
            ("gauntlet-server", "gauntlet-testkit", Role::Dev, true),
            ("gauntlet-server", "gauntlet-tests", Role::Dev, false),
            ("gauntlet-testkit", "gauntlet-server", Role::Normal, true),
            ("gauntlet-tests", "gauntlet-engine", Role::Dev, true),
            ("gauntlet-novelty", "serde", Role::Normal, false),
            ("novelty", "serde", Role::Normal, false),
        ];
        for (name, on, role, expected) in cases {
            let violations = arrows(&depends(name, on, role));
            assert_eq!(
                violations.is_empty(),
                expected,
                "{name} on {on} as {role:?}: {violations:?}"
            );
        }
    }

    #[test]
    fn a_refused_arrow_says_what_is_allowed() {
        let message = |name, on| arrows(&depends(name, on, Role::Normal)).join("\n");
        assert_eq!(
            message("gauntlet-store", "gauntlet-api"),
            "gauntlet-store may not depend on gauntlet-api: it may depend on model, and on testkit in its tests"
        );
        assert_eq!(
            message("gauntlet-model", "gauntlet-api"),
            "gauntlet-model may not depend on gauntlet-api: it may depend on none of ours, and on testkit in its tests"
        );
    }

    #[test]
    fn drivers_and_grpc_stay_where_they_belong() {
        let cases = [
            ("gauntlet-store-sql", "rusqlite", true),
            ("gauntlet-server", "rusqlite", false),
            ("gauntlet-targets", "rusqlite", true),
            ("gauntlet-targets", "tokio-postgres", true),
            ("gauntlet-worker", "tokio-postgres", false),
            ("gauntlet-worker", "rusqlite", false),
            ("gauntlet-tests", "tokio-postgres", true),
            ("gauntlet-orchestrator", "tonic", false),
            ("gauntlet-model", "prost-types", false),
            ("gauntlet-store", "prosthesis", true),
            ("gauntlet-wire", "tonic", true),
        ];
        for (name, on, expected) in cases {
            let violations = confinement(&depends(name, on, Role::Dev));
            assert_eq!(
                violations.is_empty(),
                expected,
                "{name} on {on}: {violations:?}"
            );
        }
    }

    #[test]
    fn a_row_without_a_package_is_reported() {
        let all: Vec<Package> = TABLE
            .iter()
            .map(|(row, _)| Package {
                name: format!("{PREFIX}{row}"),
                dependencies: Vec::new(),
            })
            .collect();
        assert_eq!(missing_packages(&all), Vec::<String>::new());
        assert_eq!(
            missing_packages(&all[1..]),
            ["the table names model, but there is no package gauntlet-model"]
        );
    }
}

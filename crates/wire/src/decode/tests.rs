//! What bad requests get, and what is filled in for what they leave out.

use std::time::Duration;

use gauntlet_model::{
    id::Name,
    target::{Address, Authorities, Encryption, Secret},
    template::{Class, Limit, Load, Parameter, Statement, Violation, WorkerLossPolicy},
};

use super::*;
use crate::Violations;

mod catalog;
mod control;
mod run;
mod spec;

/// Compares the paths and the beginnings of the messages, in any order.
fn assert_violations(found: &[Violation], expected: &[(&str, &str)], what: &str) {
    let shown: Vec<String> = found
        .iter()
        .map(|violation| format!("{}: {}", violation.field, violation.message))
        .collect();
    assert_eq!(found.len(), expected.len(), "{what}: {shown:#?}");
    // Rules of the protos speak first, whatever the order of the fields.
    for (field, message) in expected {
        let wanted = format!("{field}: {message}");
        assert!(
            shown.iter().any(|shown| shown.starts_with(&wanted)),
            "{what}: expected {wanted}, found {shown:#?}"
        );
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, Violations>, expected: &[(&str, &str)]) {
    let violations = result.expect_err("the request is bad");
    assert_violations(&violations.0, expected, "request");
}

#[test]
fn empty_requests_name_what_is_missing() {
    let project_and_name = [("project", "is required"), ("name", "is required")];
    let run = [("run_id", "is required")];
    refused(
        create_run(pb::CreateRunRequest::default()),
        &[("project", "is required"), ("template", "is required")],
    );
    refused(get_run(&pb::GetRunRequest::default()), &run);
    refused(start_run(pb::StartRunRequest::default()), &run);
    refused(stop_run(pb::StopRunRequest::default()), &run);
    refused(abort_run(pb::AbortRunRequest::default()), &run);
    refused(watch_run(&pb::WatchRunRequest::default()), &run);
    refused(stream_metrics(&pb::StreamMetricsRequest::default()), &run);
    refused(get_report(&pb::GetReportRequest::default()), &run);
    refused(list_shards(&pb::ListShardsRequest::default()), &run);
    refused(list_steps(&pb::ListStepsRequest::default()), &run);
    refused(list_events(pb::ListEventsRequest::default()), &run);
    refused(
        list_runs(pb::ListRunsRequest::default()),
        &[("project", "is required")],
    );
    refused(
        create_template(pb::CreateTemplateRequest::default()),
        &[
            ("project", "is required"),
            ("name", "is required"),
            ("spec", "is required"),
        ],
    );
    refused(
        get_template(pb::GetTemplateRequest::default()),
        &project_and_name,
    );
    refused(
        list_templates(pb::ListTemplatesRequest::default()),
        &[("project", "is required")],
    );
    refused(
        update_template(pb::UpdateTemplateRequest::default()),
        &[
            ("project", "is required"),
            ("name", "is required"),
            ("spec", "is required"),
        ],
    );
    refused(
        validate_template(pb::ValidateTemplateRequest::default()),
        &[("spec", "is required")],
    );
    refused(
        create_target(pb::CreateTargetRequest::default()),
        &[("target", "is required")],
    );
    refused(
        get_target(pb::GetTargetRequest::default()),
        &project_and_name,
    );
    refused(
        list_targets(pb::ListTargetsRequest::default()),
        &[("project", "is required")],
    );
    refused(
        test_target(pb::TestTargetRequest::default()),
        &project_and_name,
    );
    refused(
        load_dataset(pb::LoadDatasetRequest::default()),
        &[
            ("project", "is required"),
            ("name", "is required"),
            ("dataset", "is required"),
        ],
    );
    let workers = list_workers(pb::ListWorkersRequest::default()).unwrap();
    assert_eq!((workers.after, workers.size), (None, 50));
}

#[test]
fn names_ids_and_numbers_are_checked() {
    refused(
        create_run(pb::CreateRunRequest {
            request_id: "x".repeat(129),
            project: "acme//web".into(),
            template: "Template".into(),
            template_version: -1,
            name: "-a".into(),
            labels: [("k".repeat(64), "v".repeat(256))].into(),
        }),
        &[
            ("request_id", "must have at most 128 bytes"),
            ("project", "\"acme//web\" is not a project"),
            ("template", "\"Template\" is not a name"),
            ("template_version", "must not be negative"),
            ("name", "\"-a\" is not a name"),
            (
                &format!("labels[{:?}]", "k".repeat(64)),
                "keys must have 1 to 63 characters",
            ),
            (
                &format!("labels[{:?}]", "k".repeat(64)),
                "values must have at most 255 characters",
            ),
        ],
    );
    let run_id = "not-a-uuid".to_owned();
    refused(
        watch_run(&pb::WatchRunRequest {
            run_id: run_id.clone(),
            options: Some(pb::WatchOptions {
                resume_from_revision: -1,
            }),
        }),
        &[
            ("run_id", "\"not-a-uuid\" is not a UUID"),
            ("options.resume_from_revision", "must not be negative"),
        ],
    );
    refused(
        stop_run(pb::StopRunRequest {
            run_id,
            message: "x".repeat(1_001),
        }),
        &[
            ("run_id", "\"not-a-uuid\" is not a UUID"),
            ("message", "must have at most 1000 bytes"),
        ],
    );
    refused(
        create_run(pb::CreateRunRequest {
            project: "acme".into(),
            template: "t".into(),
            labels: (0..65).map(|n| (n.to_string(), String::new())).collect(),
            ..pb::CreateRunRequest::default()
        }),
        &[("labels", "must be at most 64 pairs, there are 65")],
    );
}

#[test]
fn a_good_create_run_is_read_in_full() {
    let request = pb::CreateRunRequest {
        request_id: "r1".into(),
        project: "acme/web".into(),
        template: "reads".into(),
        template_version: 3,
        name: String::new(),
        labels: [("team".to_owned(), "core".to_owned())].into(),
    };
    let run = create_run(request.clone()).unwrap();
    assert_eq!(run.request_id.as_deref(), Some("r1"));
    assert_eq!(run.template_version, Some(3));
    assert_eq!(run.name, None);
    assert_eq!(run.labels["team"], "core");
    let other = create_run(pb::CreateRunRequest {
        request_id: "r2".into(),
        ..request.clone()
    });
    assert_eq!(run.fingerprint(), other.unwrap().fingerprint());
    let other = create_run(pb::CreateRunRequest {
        template_version: 0,
        ..request
    });
    assert_ne!(run.fingerprint(), other.unwrap().fingerprint());
}

fn target(address: pb::target::Address) -> Result<CreateTarget, Violations> {
    create_target(pb::CreateTargetRequest {
        request_id: String::new(),
        target: Some(pb::Target {
            project: "acme".into(),
            name: "db".into(),
            address: Some(address),
            ..pb::Target::default()
        }),
    })
}

#[test]
fn targets_are_checked_and_completed() {
    let sqlite = |path: &str| {
        target(pb::target::Address::Sqlite(pb::SqliteAddress {
            path: path.into(),
        }))
    };
    refused(sqlite(""), &[("target.sqlite.path", "is required")]);
    refused(
        sqlite("demo.db"),
        &[("target.sqlite.path", "must be an absolute path")],
    );
    refused(
        sqlite("/a\0b"),
        &[("target.sqlite.path", "must not hold the character NUL")],
    );
    assert_eq!(
        sqlite("/tmp/demo.db").unwrap().address,
        Address::Sqlite {
            path: "/tmp/demo.db".into()
        }
    );
    let postgres = |host: &str, port: u32, password: &str| {
        target(pb::target::Address::Postgres(pb::PostgresAddress {
            host: host.into(),
            port,
            database: "bench".into(),
            user: "app".into(),
            password: password.into(),
            ..pb::PostgresAddress::default()
        }))
    };
    refused(
        postgres("", 70_000, ""),
        &[
            ("target.postgres.host", "is required"),
            ("target.postgres.port", "must be 1 to 65535"),
        ],
    );
    let target = postgres("db.local", 0, "s3cret").unwrap();
    assert_eq!(
        target.address.to_string(),
        "postgres://app@db.local:5432/bench"
    );
    assert_eq!(target.password, Some(Secret::new("s3cret".to_owned())));
    assert_eq!(postgres("db.local", 0, "").unwrap().password, None);
    assert!(!format!("{target:?}").contains("s3cret"));
    refused(
        create_target(pb::CreateTargetRequest {
            request_id: String::new(),
            target: Some(pb::Target::default()),
        }),
        &[
            ("target.project", "is required"),
            ("target.name", "is required"),
            ("target.address", "is required: give sqlite or postgres"),
        ],
    );
}

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

fn encrypted(host: &str, mode: pb::SslMode, root: &str) -> Result<Encryption, Violations> {
    let target = target(pb::target::Address::Postgres(pb::PostgresAddress {
        host: host.into(),
        database: "bench".into(),
        user: "app".into(),
        ssl_mode: mode.into(),
        root_certificate: root.into(),
        ..pb::PostgresAddress::default()
    }))?;
    let Address::Postgres { encryption, .. } = target.address else {
        panic!("it is a PostgreSQL target");
    };
    Ok(encryption)
}

#[test]
fn every_mode_of_encryption_is_read() {
    use pb::SslMode as Mode;
    let pem = || Authorities::Pem(CERTIFICATE.to_owned());
    for (mode, root, expected) in [
        (Mode::Unspecified, "", Encryption::None),
        (Mode::Disable, "", Encryption::None),
        (Mode::Require, "", Encryption::Required),
        (
            Mode::VerifyCa,
            CERTIFICATE,
            Encryption::VerifyAuthority(pem()),
        ),
        (
            Mode::VerifyFull,
            "",
            Encryption::VerifyHost(Authorities::System),
        ),
        (Mode::VerifyFull, CERTIFICATE, Encryption::VerifyHost(pem())),
    ] {
        assert_eq!(encrypted("db", mode, root).unwrap(), expected, "{mode:?}");
    }
}

#[test]
fn the_certificates_of_a_cloud_are_not_too_many() {
    let most = 262_144 / CERTIFICATE.len();
    let bundle = CERTIFICATE.repeat(most);
    assert!(bundle.len() > 160_000);
    let read = encrypted("db", pb::SslMode::VerifyFull, &bundle).unwrap();
    assert_eq!(read, Encryption::VerifyHost(Authorities::Pem(bundle)));
    refused(
        encrypted("db", pb::SslMode::VerifyFull, &CERTIFICATE.repeat(most + 1)),
        &[(
            "target.postgres.root_certificate",
            "must have at most 262144 bytes",
        )],
    );
}

#[test]
fn what_encryption_cannot_be_is_refused_at_its_field() {
    use pb::SslMode as Mode;
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let both = format!("{CERTIFICATE}{key}");
    let at_root = |message| [("target.postgres.root_certificate", message)];
    for mode in [Mode::Unspecified, Mode::Disable, Mode::Require] {
        refused(
            encrypted("db", mode, CERTIFICATE),
            &at_root("needs ssl_mode VERIFY_CA or VERIFY_FULL"),
        );
    }
    for (root, message) in [
        (both.as_str(), "holds a private key"),
        ("/etc/ssl/ca.pem", "must hold a certificate as PEM"),
        ("-----BEGIN CERTIFICATE-----\n", "cannot be read as PEM"),
        (" \n", "must hold a certificate as PEM"),
    ] {
        for mode in [Mode::VerifyCa, Mode::VerifyFull] {
            refused(encrypted("db", mode, root), &at_root(message));
        }
    }
    refused(
        encrypted("db", Mode::VerifyCa, ""),
        &at_root("is required with ssl_mode VERIFY_CA"),
    );
    refused(
        encrypted("/run/postgresql", Mode::Require, ""),
        &[(
            "target.postgres.ssl_mode",
            "must be DISABLE over a unix socket",
        )],
    );
}

#[test]
fn datasets_are_checked() {
    let load = |table: &str, rows: i64| {
        load_dataset(pb::LoadDatasetRequest {
            project: "acme".into(),
            name: "db".into(),
            dataset: Some(pb::Dataset {
                table: table.into(),
                rows,
                seed: 7,
                replace: true,
            }),
        })
    };
    for rows in [-1, 0, 1_000_000_001] {
        refused(
            load(" ", rows),
            &[
                ("dataset.table", "is required"),
                ("dataset.rows", "must be 1 to 1000000000"),
            ],
        );
    }
    let loaded = load("public.items", 1_000_000_000).unwrap().dataset;
    assert_eq!(
        (
            loaded.table.as_str(),
            loaded.rows,
            loaded.seed,
            loaded.replace
        ),
        ("public.items", 1_000_000_000, 7, true)
    );
}

#[test]
fn an_etag_is_that_of_a_version() {
    let update = |etag: &str| {
        update_template(pb::UpdateTemplateRequest {
            project: "acme".into(),
            name: "reads".into(),
            spec: Some(spec::good()),
            etag: etag.into(),
            source: String::new(),
        })
        .map(|update| update.follows)
    };
    assert_eq!(update(""), Ok(None));
    assert_eq!(update(&crate::encode::etag(12)), Ok(Some(12)));
    for bad in ["12", "v0", "v-1", "vx", "v99999999999"] {
        refused(update(bad), &[("etag", "is not an etag")]);
    }
}

//! PostgreSQL over TLS: what each mode asks of a server, and what is said when it cannot be had.

use std::process::Command;
use std::sync::OnceLock;

use gauntlet_engine::{Generator, Outcome, Value};
use gauntlet_targets::{
    Authorities, Config, Encryption, StatementKind, TargetError, count_keys, start, test,
};
use gauntlet_testkit::postgres::{Authority, Cluster, Identity, PlainText};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::postgres::{aborts, config as plain};
use crate::support::{ONE_TO_THOUSAND, dataset, ended, load, plan, run, sql, statement};

/// One server with a certificate for 127.0.0.1 and localhost, which takes nothing in plain text.
struct Secure {
    authority: Authority,
    cluster: Cluster,
}

fn secure() -> &'static Secure {
    static SECURE: OnceLock<Secure> = OnceLock::new();
    SECURE.get_or_init(|| {
        let authority = Authority::new("tests");
        let identity = authority.sign(&["127.0.0.1", "localhost"]);
        Secure {
            cluster: Cluster::start_with_tls(&identity, PlainText::Refused),
            authority,
        }
    })
}

fn encrypted(config: &Config, to: Encryption) -> Config {
    let mut config = config.clone();
    let Config::Postgres { encryption, .. } = &mut config else {
        panic!("not PostgreSQL")
    };
    *encryption = to;
    config
}

fn by(authority: &Authority) -> Authorities {
    Authorities::Pem(authority.pem())
}

/// The modes that a server with the right certificate satisfies.
fn modes(authority: &Authority) -> [Encryption; 3] {
    [
        Encryption::Required,
        Encryption::VerifyAuthority(by(authority)),
        Encryption::VerifyHost(by(authority)),
    ]
}

/// What a server is refused for, or what it says of itself.
async fn tried(config: &Config, encryption: Encryption) -> String {
    match test(&encrypted(config, encryption)).await {
        Ok(tested) => tested.version,
        Err(error) => {
            assert!(matches!(error, TargetError::Encryption { .. }), "{error:?}");
            error.to_string()
        }
    }
}

fn has(said: &str, words: &str) {
    assert!(said.contains(words), "{said:?} has no {words:?}");
}

#[tokio::test]
async fn each_mode_connects_and_says_how() {
    let Secure { authority, cluster } = secure();
    let config = plain(cluster, "modes");
    for mode in modes(authority) {
        let said = tried(&config, mode.clone()).await;
        assert!(said.starts_with("PostgreSQL 1"), "{mode:?}: {said}");
        has(&said, " over TLSv1.3 with TLS_");
    }
}

#[tokio::test]
async fn a_server_that_insists_on_tls_says_so_to_who_goes_without() {
    let config = plain(&secure().cluster, "insists");
    let said = tried(&config, Encryption::None).await;
    has(
        &said,
        "no rule that lets this connection in without TLS: no pg_hba.conf entry",
    );
    has(&said, "otherwise add a rule to its pg_hba.conf");
    has(&said, "sslmode=require");
    let plan = plan(vec![vec![]]);
    let mut handle = start(&config, &[sql("one", "SELECT 1")], plan).expect("a good plan");
    let error = handle.ready().await.expect_err("it is in plain text");
    has(&error.to_string(), "sslmode=require");
}

#[tokio::test]
async fn a_server_without_tls_says_so() {
    let config = plain(Cluster::shared(), "without");
    let authority = Authority::new("tests");
    for mode in modes(&authority) {
        has(
            &tried(&config, mode).await,
            "the server does not offer TLS; turn it on there",
        );
    }
}

#[tokio::test]
async fn what_a_statement_says_is_never_about_tls() {
    let config = plain(Cluster::shared(), "statement_words");
    let view = "CREATE FUNCTION fails() RETURNS bigint LANGUAGE plpgsql AS
            'BEGIN RAISE invalid_authorization_specification USING MESSAGE = ''SSL required''; END';
        CREATE VIEW failing AS SELECT fails() AS id";
    Cluster::shared()
        .psql_in("statement_words", view)
        .expect("a view");
    let failed = count_keys(&config, "failing", "id", 1, 1).await;
    let Err(error) = failed else {
        panic!("{failed:?}");
    };
    assert!(
        !matches!(error, TargetError::Encryption { .. }),
        "{error:?}"
    );
    has(&error.to_string(), "SSL required");
}

/// Agrees to TLS with everybody and goes away in the middle of it.
async fn a_server_that_goes(how: Going) -> Config {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a caller");
        // SSLRequest: its length and its code.
        stream.read_exact(&mut [0; 8]).await.expect("a request");
        stream.write_all(b"S").await.expect("an answer");
        stream.peek(&mut [0]).await.expect("a hello");
        if how == Going::Orderly {
            stream.shutdown().await.expect("an end");
            let mut hello = Vec::new();
            // Its caller may be gone already.
            let _ = stream.read_to_end(&mut hello).await;
        }
        // Closed unread it is a reset.
    });
    Config::Postgres {
        host: address.ip().to_string(),
        port: address.port(),
        database: "d".into(),
        user: "u".into(),
        password: None,
        application_name: "gauntlet-test".into(),
        encryption: Encryption::Required,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    Orderly,
    Reset,
}

#[tokio::test]
async fn a_server_that_goes_in_the_middle_of_the_handshake_is_not_there() {
    for (how, words) in [
        (
            Going::Orderly,
            "ended the connection instead of speaking TLS",
        ),
        (Going::Reset, "TLS failed: Connection reset by peer"),
    ] {
        let config = a_server_that_goes(how).await;
        let error = test(&config).await.expect_err("nobody speaks TLS");
        assert!(
            matches!(error, TargetError::Unreachable { .. }),
            "{error:?}"
        );
        has(&error.to_string(), words);
    }
}

#[tokio::test]
async fn another_authority_is_not_believed() {
    let config = plain(&secure().cluster, "authority");
    // Of the same name, but with another key.
    for other in [Authority::new("tests"), Authority::new("others")] {
        for mode in [
            Encryption::VerifyAuthority(by(&other)),
            Encryption::VerifyHost(by(&other)),
        ] {
            has(
                &tried(&config, mode).await,
                "is not from an authority that is trusted here; give the certificate of its authority",
            );
        }
    }
}

#[tokio::test]
async fn the_certificate_of_another_host_is_good_for_its_authority_only() {
    let authority = Authority::new("tests");
    let identity = authority.sign(&["db.example.com", "10.1.2.3"]);
    let cluster = Cluster::start_with_tls(&identity, PlainText::Taken);
    let config = plain(&cluster, "host");
    let [any, of_authority, of_host] = modes(&authority);
    for mode in [any, of_authority] {
        has(&tried(&config, mode).await, " over TLSv1.3");
    }
    let said = tried(&config, of_host).await;
    has(
        &said,
        "is for db.example.com, 10.1.2.3, not for 127.0.0.1; use a name that it is for",
    );
    // It takes plain text too, and then says nothing of TLS.
    let said = tried(&config, Encryption::None).await;
    assert!(!said.contains("TLS"), "{said}");
}

#[tokio::test]
async fn an_expired_certificate_is_refused_where_it_is_checked() {
    let authority = Authority::new("tests");
    let identity = authority.sign_expired(&["127.0.0.1"]);
    let cluster = Cluster::start_with_tls(&identity, PlainText::Taken);
    let config = plain(&cluster, "expired");
    let [any, of_authority, of_host] = modes(&authority);
    has(&tried(&config, any).await, " over TLSv1.3");
    for mode in [of_authority, of_host] {
        let said = tried(&config, mode).await;
        has(&said, "the server's certificate expired ");
        has(&said, " days ago; renew it there");
    }
}

/// As PostgreSQL's manual has it: an authority, and a certificate of version 1 or 3 by whatever openssl makes.
#[tokio::test]
async fn the_certificates_of_the_manual_do_for_encryption() {
    let folder = tempfile::tempdir().expect("a folder");
    let openssl = |arguments: &str| {
        let done = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(folder.path())
            .output()
            .expect("openssl is installed");
        assert!(done.status.success(), "{done:?}");
    };
    openssl("req -new -nodes -out server.csr -keyout server.key -subj /CN=127.0.0.1");
    openssl("x509 -req -in server.csr -signkey server.key -out server.crt");
    let read = |file| std::fs::read_to_string(folder.path().join(file)).expect("a file");
    let identity = Identity {
        certificate: read("server.crt"),
        key: read("server.key"),
    };
    let cluster = Cluster::start_with_tls(&identity, PlainText::Taken);
    let config = plain(&cluster, "manual");
    let said = tried(&config, Encryption::Required).await;
    has(&said, " over TLSv1.3");
    let itself = Authorities::Pem(identity.certificate);
    let said = tried(&config, Encryption::VerifyHost(itself)).await;
    has(&said, "or check nothing (sslmode=require)");
}

#[tokio::test]
async fn a_unix_socket_has_no_tls() {
    let cluster = Cluster::shared();
    let mut config = encrypted(&plain(cluster, "unix"), Encryption::Required);
    let Config::Postgres { host, .. } = &mut config else {
        panic!("not PostgreSQL")
    };
    *host = cluster.socket_folder().display().to_string();
    let tried = test(&config).await.expect_err("there is none");
    has(&tried.to_string(), "there is no TLS over a unix socket");
}

#[tokio::test]
async fn a_load_over_tls_does_its_work_and_every_insert_is_in_the_table() {
    let Secure { authority, cluster } = secure();
    let config = encrypted(
        &plain(cluster, "load"),
        Encryption::VerifyHost(by(authority)),
    );
    load(&config, &dataset(1_000)).await.expect("a table");
    let encrypted = "SELECT count(*) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";
    let statements = [
        statement(StatementKind::PointLookup, &[]),
        statement(StatementKind::Insert, &["k", "c", "pad"]),
        sql("divided", &format!("SELECT 1 / ({encrypted})")),
        sql("empty", "SELECT 1 WHERE false"),
    ];
    let text = Generator::Text { length: 20 };
    let plan = plan(vec![
        vec![ONE_TO_THOUSAND],
        vec![Generator::UniqueKey, ONE_TO_THOUSAND, text.clone(), text],
        vec![],
        vec![],
    ]);
    let handle = start(&config, &statements, plan).expect("a good plan");
    let whole = run(handle, 2_000).await;
    // A session that is not encrypted divides by zero.
    assert_eq!(whole.errors, []);
    for operation in 0..3 {
        let (count, rows) = ended(&whole, operation, Outcome::Ok);
        assert!(count > 100, "operation {operation} ran {count} times");
        assert_eq!(rows, count, "operation {operation}");
    }
    let inserted = count_keys(&config, "demo", "id", 1_000_001, 1_000_000).await;
    assert_eq!(inserted, Ok(ended(&whole, 1, Outcome::Ok).0));
}

#[tokio::test]
async fn rows_longer_than_a_record_of_tls_come_whole() {
    let Secure { authority, cluster } = secure();
    let config = encrypted(
        &plain(cluster, "long"),
        Encryption::VerifyHost(by(authority)),
    );
    let statements = [sql("long", "SELECT repeat($1, 100000)")];
    let text = Generator::Literal(Value::Text("ab".into()));
    let handle = start(&config, &statements, plan(vec![vec![text]])).expect("a good plan");
    let whole = run(handle, 100).await;
    assert_eq!(whole.errors, []);
    let (count, rows) = ended(&whole, 0, Outcome::Ok);
    assert_eq!(rows, count);
}

#[tokio::test]
async fn an_aborted_statement_is_cancelled_over_tls() {
    let Secure { authority, cluster } = secure();
    let config = encrypted(
        &plain(cluster, "aborted"),
        Encryption::VerifyHost(by(authority)),
    );
    aborts(cluster, &config).await;
}

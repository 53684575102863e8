//! The private PostgreSQL does what tests rely on, and nothing of it outlives them.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gauntlet_testkit::postgres::Cluster;

const ORPHAN: &str = "GAUNTLET_TESTKIT_ORPHAN";

fn listens(cluster: &Cluster) -> bool {
    TcpStream::connect((cluster.host.as_str(), cluster.port)).is_ok()
}

#[test]
fn answers_in_each_database() {
    let cluster = Cluster::shared();
    let url = cluster.create_database("answers_in_each");
    let expected = format!(
        "postgres://gauntlet:{}@127.0.0.1:{}/answers_in_each",
        cluster.password(),
        cluster.port
    );
    assert_eq!(url, expected);
    assert_eq!(
        cluster
            .psql_in(
                "answers_in_each",
                "SELECT 1, 'a'; SELECT current_database()"
            )
            .unwrap(),
        "1|a\nanswers_in_each"
    );
}

#[test]
fn refuses_an_account_without_its_password() {
    let mut cluster = Cluster::start();
    cluster.user = "stranger".to_owned();
    let error = cluster.psql("SELECT 1").unwrap_err().to_string();
    assert!(error.contains("password authentication failed"), "{error}");
}

#[test]
fn a_refused_statement_is_an_error_in_the_servers_words() {
    let error = Cluster::shared()
        .psql("SELECT * FROM nowhere")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("relation \"nowhere\" does not exist"),
        "{error}"
    );
}

#[test]
fn keeps_committed_data_over_a_stop_and_a_crash() {
    let cluster = Cluster::start();
    cluster
        .psql("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)")
        .unwrap();

    cluster.stop();
    assert!(!listens(&cluster));
    cluster.stop();
    cluster.start_again();
    cluster.start_again();
    cluster.psql("INSERT INTO kept VALUES (2)").unwrap();

    cluster.kill9();
    cluster.start_again();
    assert_eq!(
        cluster.psql("SELECT id FROM kept ORDER BY id").unwrap(),
        "1\n2"
    );
}

#[test]
fn is_gone_after_drop() {
    let cluster = Cluster::start();
    let (folder, port) = (cluster.socket_folder(), cluster.port);
    drop(cluster);
    assert!(!folder.exists());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn is_gone_after_the_test_process_was_killed() {
    if std::env::var_os(ORPHAN).is_some() {
        return print_cluster_and_wait();
    }
    let mut orphan = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "is_gone_after_the_test_process_was_killed",
            "--nocapture",
        ])
        .env(ORPHAN, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let printed = BufReader::new(orphan.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let line = printed
        .into_iter()
        .find_map(|line| line.split_once("cluster at ").map(|(_, at)| at.to_owned()));
    let folder = PathBuf::from(line.expect("the orphan says where its cluster is"));
    assert!(folder.join("data/postmaster.pid").exists());

    orphan.kill().unwrap();
    orphan.wait().unwrap();
    wait_until_gone(&folder);
}

fn print_cluster_and_wait() {
    let cluster = Cluster::start();
    println!("cluster at {}", cluster.socket_folder().display());
    std::io::stdin().lines().for_each(drop);
}

fn wait_until_gone(folder: &Path) {
    let asked = Instant::now();
    while folder.exists() {
        assert!(
            asked.elapsed() < Duration::from_secs(30),
            "{} is still there",
            folder.display()
        );
        std::thread::sleep(Duration::from_millis(20)); // allow-sleep: the guard is no child of this process
    }
}

//! The README is a program: every command in it runs as it stands there.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use gauntlet_testkit::postgres::Cluster;
use tempfile::TempDir;

use crate::plane::{binary, eventually, free_address, text};

/// Commands that the CI runs one by one, since they take the terminal for themselves.
const RUN_BY_CI: [&str; 2] = ["make run", "make bench-postgres"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The lines of the README's `sh` blocks.
fn commands() -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    readme
        .split("```sh\n")
        .skip(1)
        .flat_map(|block| block.split("```").next().unwrap().lines())
        .map(str::to_owned)
        .collect()
}

/// What a reader has of their own: a database, a free port, a terminal to say yes in.
fn as_a_reader(command: &str, database: &str, address: SocketAddr) -> String {
    let command = command
        .replace("postgres://bench:secret@127.0.0.1:5432/bench", database)
        .replace("127.0.0.1:8090", &address.to_string());
    if command.starts_with("gauntlet run") {
        format!("{command} --yes")
    } else {
        command
    }
}

struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_works() {
    let (cluster, folder, address) = (Cluster::start(), TempDir::new().unwrap(), free_address());
    let path = format!(
        "{}:{}",
        binary().parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    let mut up = None;
    for command in commands() {
        if RUN_BY_CI.contains(&command.as_str()) {
            assert!(
                ci.contains(&format!("{command} EXIT=1")),
                "the CI does not run {command}"
            );
            continue;
        }
        if command == "gauntlet up" {
            let child = Command::new(binary())
                .args(["up", "--listen", &address.to_string()])
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            up = Some(Up(child));
            eventually("gauntlet up", async || {
                let mut ask = Command::new(binary());
                let workers = ask
                    .args(["--server", &format!("http://{address}"), "workers"])
                    .output()
                    .unwrap();
                (text(&workers).matches("idle").count() == 2).then_some(())
            })
            .await;
            continue;
        }
        let output = Command::new("sh")
            .arg("-c")
            .arg(as_a_reader(&command, &cluster.url(), address))
            .current_dir(root())
            .env("PATH", &path)
            .env("GAUNTLET_SERVER", format!("http://{address}"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        // A busy machine may miss an objective; that is an answer, not a mistake in the README.
        let fine = if command.starts_with("gauntlet run") {
            vec![0, 2, 3, 4]
        } else {
            vec![0]
        };
        assert!(
            fine.contains(&output.status.code().unwrap_or(-1)),
            "{command}\n{}",
            text(&output)
        );
    }
    assert!(up.is_some(), "the README begins with gauntlet up");
}

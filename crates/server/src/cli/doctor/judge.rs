//! From what is known to what is said of it. Pure functions.

use gauntlet_client::pb;

use super::{
    Finding,
    gather::{Answers, Asked, Clock, ControlPlane},
    machine::{Folder, Machine},
};
use crate::cli::{
    find,
    text::number::{bytes, count, duration, latency},
};

/// Fewer open files are soon used up: each connection of a load is one.
const FEW_OPEN_FILES: u64 = 4_096;
/// What is advised instead.
const ENOUGH_OPEN_FILES: u64 = 65_536;
/// A share of the processors; when others use more, they are part of every result.
const BUSY: f64 = 0.7;
/// Less free disk will not hold many runs.
const LITTLE_DISK: u64 = 2_000_000_000;
/// Less free disk may not hold the next run.
const NO_DISK: u64 = 200_000_000;
/// Clocks further apart make the times of logs and results hard to compare.
const FAR_CLOCK_US: i64 = 50_000;
/// A worker whose clock is known less well begins its phases visibly early or late.
const VAGUE_CLOCK_US: i64 = 5_000;

/// This machine.
pub fn machine(machine: &Machine) -> Vec<Finding> {
    vec![
        open_files(machine.open_files, machine.most_open_files),
        processors(machine.processors, machine.load),
        disk(&machine.folder),
        permissions(&machine.folder),
    ]
}

fn open_files(now: Option<u64>, most: Option<u64>) -> Finding {
    const CHECK: &str = "open files";
    let Some(now) = now else {
        return Finding::ok(CHECK, "no limit");
    };
    if now >= FEW_OPEN_FILES {
        return Finding::ok(CHECK, format!("up to {}", count(now)));
    }
    let reachable = most.map_or(ENOUGH_OPEN_FILES, |most| most.min(ENOUGH_OPEN_FILES));
    let advice = if reachable >= FEW_OPEN_FILES {
        format!("ulimit -n {reachable}, in the shell that starts gauntlet")
    } else {
        format!(
            "ask an administrator for more (nofile in /etc/security/limits.conf, LimitNOFILE= of a service), like {ENOUGH_OPEN_FILES}"
        )
    };
    Finding::warning(
        CHECK,
        format!(
            "only {}: a load with many connections needs more",
            count(now)
        ),
        advice,
    )
}

fn processors(processors: usize, load: Option<f64>) -> Finding {
    const CHECK: &str = "processors";
    let Some(load) = load else {
        return Finding::ok(CHECK, processors.to_string());
    };
    let message = format!("{processors}, load average {load:.2}");
    if load <= BUSY * processors as f64 {
        return Finding::ok(CHECK, message);
    }
    Finding::warning(
        CHECK,
        format!("{message}: others keep them busy, and that is part of what is measured here"),
        "see with top who it is; end it, or send the load from another machine",
    )
}

fn disk(folder: &Folder) -> Finding {
    const CHECK: &str = "disk";
    let place = folder.path.display();
    let Some(free) = folder.free_bytes else {
        return Finding::warning(
            CHECK,
            format!("what is free for {place} is not known"),
            format!("look with: df -h {place}"),
        );
    };
    let message = format!("{} free for {place}", bytes(free));
    match free {
        ..NO_DISK => Finding::failed(
            CHECK,
            format!("only {message}"),
            "make room, or name another folder with --data-dir",
        ),
        NO_DISK..LITTLE_DISK => Finding::warning(
            CHECK,
            format!("only {message}"),
            "make room, or let old runs go: gauntlet up --retain 30d",
        ),
        _ => Finding::ok(CHECK, message),
    }
}

fn permissions(folder: &Folder) -> Finding {
    const CHECK: &str = "permissions";
    let place = folder.path.display();
    if !folder.exists {
        return Finding::ok(CHECK, format!("{place} is not there yet"));
    }
    if folder.loose.is_empty() {
        return Finding::ok(CHECK, format!("nobody else reads the keys in {place}"));
    }
    let of = |(path, mode): &(std::path::PathBuf, u32)| format!("{} ({mode:o})", path.display());
    let files: Vec<String> = folder.loose.iter().map(of).collect();
    let names: Vec<String> = folder
        .loose
        .iter()
        .map(|(path, _)| path.display().to_string())
        .collect();
    Finding::failed(
        CHECK,
        format!(
            "others can read what opens the targets' passwords: {}",
            files.join(", ")
        ),
        format!("chmod 600 {}", names.join(" ")),
    )
}

/// The control plane, and through it the workers and targets.
pub fn control_plane(known: &ControlPlane) -> Vec<Finding> {
    match known {
        ControlPlane::There { url, answers } => there(url, answers),
        ControlPlane::Away { why, port } => {
            let (address, free) = port;
            let port = match free {
                Ok(()) => Finding::ok("port", format!("{address} is free for gauntlet up")),
                Err(why) => Finding::failed(
                    "port",
                    format!("gauntlet up cannot listen on {address}: {why}"),
                    format!(
                        "see who does with: ss -ltnp 'sport = :{}'; or choose another with --listen",
                        address.port()
                    ),
                ),
            };
            let server = Finding::failed(
                "server",
                why,
                "start one with gauntlet up, or name another with --server",
            );
            vec![server, port]
        }
    }
}

fn there(url: &str, answers: &Answers) -> Vec<Finding> {
    let mut findings = vec![version(
        url,
        env!("CARGO_PKG_VERSION"),
        answers.server.as_ref(),
    )];
    if let Some(clock) = answers.clock {
        findings.push(self::clock(clock));
    }
    if let Some(server) = &answers.server {
        findings.push(store(server));
        findings.push(if server.dashboard {
            Finding::ok("dashboard", format!("at {url}"))
        } else {
            Finding::warning(
                "dashboard",
                "not part of the control plane's build",
                "build it with: make dashboard",
            )
        });
        let failing = server.failing.iter();
        findings.extend(failing.map(|part| {
            Finding::failed("server", part, "see the control plane's log for the cause")
        }));
    }
    findings.extend(workers(url, answers));
    findings.extend(targets(&answers.project, &answers.targets));
    findings
}

fn version(url: &str, ours: &str, server: Option<&pb::Server>) -> Finding {
    const CHECK: &str = "server";
    let Some(server) = server else {
        return Finding::warning(
            CHECK,
            format!("{url} answers, and is older than this command, which is {ours}"),
            "upgrade the control plane, so that it knows all that this command asks",
        );
    };
    let theirs = server.version.as_str();
    let up = duration((server.server_time_us - server.started_us) / 1_000_000 * 1_000_000);
    if minor(ours) == minor(theirs) {
        return Finding::ok(CHECK, format!("{url} is version {theirs}, up for {up}"));
    }
    Finding::warning(
        CHECK,
        format!("{url} is version {theirs}, and this command is {ours}"),
        "upgrade the older of the two",
    )
}

/// Up to the minor version: within it, all methods and fields are known.
fn minor(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.split('.');
    let major = parts.next()?.parse().ok()?;
    Some((major, parts.next()?.parse().ok()?))
}

fn clock(clock: Clock) -> Finding {
    const CHECK: &str = "clock";
    let Clock {
        offset_us,
        uncertainty_us,
    } = clock;
    let apart = latency(offset_us.unsigned_abs() as f64);
    let message = format!(
        "{apart} from the control plane's, ± {}",
        latency(uncertainty_us as f64)
    );
    // Only what is certainly too far is worth a word.
    if offset_us.abs() - uncertainty_us <= FAR_CLOCK_US {
        return Finding::ok(CHECK, message);
    }
    Finding::warning(
        CHECK,
        message,
        "let both machines set their clocks by NTP; runs are timed by the control plane's",
    )
}

fn store(server: &pb::Server) -> Finding {
    const CHECK: &str = "store";
    let message = format!("{}, schema version {}", server.store, server.schema_version);
    if server.store == "memory" {
        return Finding::warning(
            CHECK,
            message,
            "nothing outlives the control plane; give it a store with --store",
        );
    }
    Finding::ok(CHECK, message)
}

fn workers(url: &str, answers: &Answers) -> Vec<Finding> {
    const CHECK: &str = "workers";
    let all = match &answers.workers {
        Ok(all) => all,
        Err(why) => return vec![Finding::failed(CHECK, why, "see the control plane's log")],
    };
    let attached: Vec<&pb::Worker> = all
        .iter()
        .filter(|worker| find::is_attached(worker))
        .collect();
    if attached.is_empty() {
        return vec![Finding::warning(
            CHECK,
            "none is attached: only runs with workers of their own can start",
            format!("gauntlet worker --server {url}"),
        )];
    }
    let worst = attached
        .iter()
        .map(|worker| worker.clock_uncertainty_us)
        .max()
        .unwrap_or_default();
    let message = format!(
        "{} attached, clocks known to ± {}",
        attached.len(),
        latency(worst as f64)
    );
    let mut findings = vec![if worst > VAGUE_CLOCK_US {
        Finding::warning(
            CHECK,
            message,
            "phases begin as exactly as the clocks are known; look for a slow or busy network",
        )
    } else {
        Finding::ok(CHECK, message)
    }];
    let served_by = answers.server.as_ref().map(|server| minor(&server.version));
    let other = |worker: &&&pb::Worker| served_by.is_some_and(|of| minor(&worker.version) != of);
    let others: Vec<String> = attached
        .iter()
        .filter(other)
        .map(|worker| format!("{} ({})", worker.name, worker.version))
        .collect();
    if !others.is_empty() {
        findings.push(Finding::warning(
            CHECK,
            format!(
                "of another version than the control plane: {}",
                others.join(", ")
            ),
            "upgrade them",
        ));
    }
    findings
}

fn targets(project: &str, targets: &Result<Vec<Asked>, String>) -> Vec<Finding> {
    const CHECK: &str = "target";
    let all = match targets {
        Ok(all) => all,
        Err(why) => return vec![Finding::failed(CHECK, why, "see: gauntlet target list")],
    };
    if all.is_empty() {
        return vec![Finding::ok(
            CHECK,
            format!(
                "none in project {project} yet; register one with: gauntlet target add NAME --postgres URL"
            ),
        )];
    }
    all.iter()
        .map(|Asked { name, said }| match said {
            Ok((version, connect_us)) => Finding::ok(
                CHECK,
                format!(
                    "{name} answers after {}: {version}",
                    latency(*connect_us as f64)
                ),
            ),
            Err(why) => Finding::failed(
                CHECK,
                format!("{name}: {why}"),
                format!("try again with: gauntlet target test {name}"),
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests;

//! What the system says of this process, at each scrape.

use std::{
    fmt, fs,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Handle;

/// See the module.
#[derive(Debug)]
pub(super) struct Process {
    /// Seconds of the epoch, about: when this was made.
    started_s: f64,
    since: Instant,
}

impl Process {
    pub(super) fn new() -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            started_s: started.map_or(0.0, |since| since.as_secs_f64()),
            since: Instant::now(),
        }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let cpu_s = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
        let name = "process_cpu_seconds";
        let help = "Processor time used";
        encoder
            .encode_descriptor(name, help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, f64, f64>(&cpu_s, None)?;
        let mut gauge = |name: &str, help: &str, value: f64| {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&value)
        };
        let name = "process_start_time_seconds";
        gauge(
            name,
            "When it started, seconds of the epoch",
            self.started_s,
        )?;
        let name = "process_uptime_seconds";
        let up_s = self.since.elapsed().as_secs_f64();
        gauge(name, "How long it has been up", up_s)?;
        // What this system does not tell is left out.
        if let Some(bytes) = resident_bytes() {
            let name = "process_resident_memory_bytes";
            gauge(name, "Memory in use", bytes as f64)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            gauge("process_open_fds", "Open descriptors", open.count() as f64)?;
        }
        if let Ok(runtime) = Handle::try_current() {
            let tasks = runtime.metrics().num_alive_tasks();
            gauge("process_tasks", "Tasks of the runtime", tasks as f64)?;
        }
        Ok(())
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

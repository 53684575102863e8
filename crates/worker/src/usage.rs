//! What the worker process uses of its machine.

use std::{
    thread::available_parallelism,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// What the process used since the sample before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Its share of all its processors, 0 to 1.
    pub cpu: f64,
    /// Resident memory, bytes; 0 where the system does not say.
    pub memory_bytes: u64,
}

/// Samples the process's use.
#[derive(Debug)]
pub(crate) struct Meter {
    processors: u32,
    at: Instant,
    used: Duration,
}

impl Meter {
    pub(crate) fn starting_now() -> Self {
        Self {
            processors: processors(),
            at: Instant::now(),
            used: processor_time(),
        }
    }

    /// The use since the call before.
    pub(crate) fn sample(&mut self) -> Usage {
        let (at, used) = (Instant::now(), processor_time());
        let cpu = share(
            used.saturating_sub(self.used),
            at.duration_since(self.at),
            self.processors,
        );
        (self.at, self.used) = (at, used);
        Usage {
            cpu,
            memory_bytes: resident_bytes(),
        }
    }
}

/// Processors that this process may use.
pub(crate) fn processors() -> u32 {
    available_parallelism().map_or(1, |count| count.get() as u32)
}

/// Processor time as a share of what there was; the two clocks are not read at
/// one instant, so a little more than all is all.
fn share(used: Duration, wall: Duration, processors: u32) -> f64 {
    let there_was = wall.as_secs_f64() * f64::from(processors);
    if there_was > 0.0 {
        (used.as_secs_f64() / there_was).min(1.0)
    } else {
        0.0
    }
}

/// Processor time of all threads of the process, user and system.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

#[cfg(target_os = "linux")]
fn resident_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| resident_of(&status))
}

#[cfg(not(target_os = "linux"))]
fn resident_bytes() -> u64 {
    0
}

/// The line `VmRSS:     1234 kB`.
#[cfg(target_os = "linux")]
fn resident_of(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
        .and_then(|kilobytes| kilobytes.trim().parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_processors() {
        let ms = Duration::from_millis;
        for (used, wall, processors, expected) in [
            (500, 1_000, 1, 0.5),
            (500, 1_000, 2, 0.25),
            (2_010, 1_000, 2, 1.0),
            (5, 0, 2, 0.0),
        ] {
            let found = share(ms(used), ms(wall), processors);
            assert!((found - expected).abs() < 1e-9, "{used} of {wall}: {found}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn resident_memory_is_read_from_the_status() {
        assert_eq!(
            resident_of("VmPeak:\t 9 kB\nVmRSS:\t    1234 kB\n"),
            1_263_616
        );
        assert_eq!(resident_of("nothing"), 0);
        assert!(resident_bytes() > 0);
    }

    #[test]
    fn processor_time_grows() {
        let before = processor_time();
        let mut meter = Meter::starting_now();
        while processor_time() == before {
            std::hint::spin_loop();
        }
        assert!((0.0..=1.0).contains(&meter.sample().cpu));
    }
}

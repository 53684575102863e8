//! The log of `HdrHistogram`s that Gil Tene's `HistogramLogProcessor` reads.
//!
//! Lines without a tag are the response times of all operations that succeeded
//! in the measurement. The others are tagged by operation, then what was measured
//! when it is not the response time, then the phase when it is not the
//! measurement: `read`, `read/service`, `read/lag`, `read/failed`, `read@WARMUP`.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use gauntlet_model::{
    history::{Counts, Resolution, Rollup, SeriesError},
    id::Name,
    interval::{BadHistogram, Encoded},
    lifecycle::Phase,
    time::Timestamp,
};

use crate::{Contents, ExportError, table, time::rfc3339};

/// The name of the compressed encoding: zlib around the V2 encoding.
const COOKIE: u32 = 0x1c84_9314;
/// What is written as the interval's maximum is in milliseconds, as the Java
/// writer does; the histograms are in nanoseconds.
const NS_PER_MS: f64 = 1e6;

/// A bucket's histograms are merged from rollups of it, so the log's bucket is
/// written when the next one begins.
#[derive(Clone, Debug)]
pub(crate) struct Hlog {
    operations: Vec<Name>,
    origin: Timestamp,
    resolution: Resolution,
    at: Option<Timestamp>,
    total: Counts,
    lines: std::collections::BTreeMap<(Phase, u32, What), Counts>,
}

/// What a histogram is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Response,
    Service,
    Lag,
    Failed,
}

impl What {
    fn suffix(self) -> &'static str {
        match self {
            Self::Response => "",
            Self::Service => "/service",
            Self::Lag => "/lag",
            Self::Failed => "/failed",
        }
    }
}

impl Hlog {
    pub(crate) fn begin(contents: &Contents) -> (Self, Vec<u8>) {
        let run = &contents.run;
        let origin = run.state.load_started.unwrap_or(run.created);
        let seconds = origin.0 as f64 / 1e6;
        let header = format!(
            "#[run {} of gauntlet; latencies in nanoseconds; lines without a tag: all operations in the measurement]\n\
             #[Histogram log format version 1.3]\n\
             #[StartTime: {seconds:.3} (seconds since epoch), {}]\n\
             #[BaseTime: {seconds:.3} (seconds since epoch)]\n\
             \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
            run.name,
            rfc3339(origin)
        );
        let hlog = Self {
            operations: table::names(contents),
            origin,
            resolution: contents.resolution,
            at: None,
            total: Counts::default(),
            lines: std::collections::BTreeMap::new(),
        };
        (hlog, header.into_bytes())
    }

    pub(crate) fn push(&mut self, rollup: &Rollup) -> Result<Vec<u8>, ExportError> {
        let start = self.resolution.bucket_of(self.origin, rollup.start);
        let given = start.0;
        let done = match self.at {
            Some(Timestamp(reached)) if given < reached => {
                return Err(SeriesError::Order { given, reached }.into());
            }
            Some(Timestamp(reached)) if given > reached => self.bucket(),
            _ => Vec::new(),
        };
        self.at = Some(start);
        let succeeded = &rollup.succeeded;
        self.add(rollup, What::Response, &succeeded.response)?;
        self.add(rollup, What::Service, &succeeded.service)?;
        self.add(rollup, What::Lag, &succeeded.lag)?;
        self.add(rollup, What::Failed, &rollup.failed.response)?;
        if rollup.phase == Phase::Measurement {
            self.total.add(&succeeded.response)?;
        }
        Ok(done)
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bucket()
    }

    fn add(&mut self, rollup: &Rollup, what: What, encoded: &Encoded) -> Result<(), BadHistogram> {
        let line = self.lines.entry((rollup.phase, rollup.operation, what));
        line.or_default().add(encoded)
    }

    /// The lines of the bucket that was reached.
    fn bucket(&mut self) -> Vec<u8> {
        let Some(start) = self.at.take() else {
            return Vec::new();
        };
        let mut text = self.line(start, "", &self.total);
        self.total.clear();
        for ((phase, operation, what), counts) in &self.lines {
            let name = self.operations.get(*operation as usize);
            let name = name.map(Name::as_str).unwrap_or_default();
            let phase = match phase {
                Phase::Measurement => String::new(),
                other => format!("@{}", other.as_str()),
            };
            let tag = format!("Tag={name}{}{phase},", what.suffix());
            text.push_str(&self.line(start, &tag, counts));
        }
        self.lines.values_mut().for_each(Counts::clear);
        text.into_bytes()
    }

    /// One line; none when nothing was recorded.
    fn line(&self, start: Timestamp, tag: &str, counts: &Counts) -> String {
        if counts.is_empty() {
            return String::new();
        }
        format!(
            "{tag}{:.3},{:.3},{:.3},{}\n",
            (start.0 - self.origin.0) as f64 / 1e6,
            self.resolution.length().as_secs_f64(),
            counts.max() as f64 / NS_PER_MS,
            STANDARD.encode(compressed(&counts.encode()))
        )
    }
}

fn compressed(encoded: &Encoded) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(COOKIE.to_be_bytes());
    bytes.extend([0; 4]);
    let mut zlib = ZlibEncoder::new(bytes, Compression::default());
    let written = zlib
        .write_all(encoded.as_bytes())
        .and_then(|()| zlib.finish());
    let mut bytes = written.expect("writing to memory does not fail");
    let length = (bytes.len() - 8) as u32;
    bytes[4..8].copy_from_slice(&length.to_be_bytes());
    bytes
}

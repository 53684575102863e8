//! A run's results as files, for other tools.
//!
//! An [`Exporter`] takes the run's rollups one after the other and gives back
//! bytes: at no time does it hold more than one bucket of the history and, for
//! Parquet, one row group. So a file of any length is streamed in bounded memory.
//! The page for people ([`Format::Html`]) holds a few hundred bytes for each
//! bucket until its end: give it a resolution with [`MOST_PAGE_POINTS`] at most.

mod csv;
mod exporter;
mod hlog;
mod html;
mod json;
mod parquet;
mod table;
mod time;

pub use exporter::{Background, Contents, ExportError, Exporter};

/// The buckets that a page's charts have room for.
pub const MOST_PAGE_POINTS: u32 = 600;

/// The formats there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// One document: the run, its report, and its history as an array of points.
    Json,
    /// RFC 4180: a header, then one row for each bucket, phase and operation,
    /// with the step of a search that it belongs to.
    Csv,
    /// A log of `HdrHistogram`s, version 1.3, as `HistogramLogProcessor` reads it.
    Hlog,
    /// The rows of the CSV, in columns with types.
    Parquet,
    /// The report with its charts, for people: one page that needs nothing else.
    Html,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Json, Self::Csv, Self::Hlog, Self::Parquet, Self::Html];

    /// The end of a file's name, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Hlog => "hlog",
            Self::Parquet => "parquet",
            Self::Html => "html",
        }
    }

    /// The media type of HTTP.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Hlog => "text/plain; charset=utf-8",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

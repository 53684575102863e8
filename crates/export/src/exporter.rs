//! Rollups in, bytes out.

use gauntlet_model::{
    history::{HistoryPoint, Percentiles, Resolution, Rollup, Series, SeriesError},
    interval::BadHistogram,
    lifecycle::{Phase, Window},
    report::Report,
    run::{Attempt, ControlEvent, Run},
    search::Step,
    time::Timestamp,
};

use crate::{
    Format,
    csv::Csv,
    hlog::Hlog,
    html::{Html, gather},
    json::Json,
    parquet::Parquet,
};

/// What is exported beside the history.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The run.
    pub run: Run,
    /// Its report; `None` when there is none.
    pub report: Option<Report>,
    /// How long a bucket is.
    pub resolution: Resolution,
    /// Which percentiles; a log of histograms needs none.
    pub percentiles: Percentiles,
    /// When each phase was, as [`gauntlet_model::history::phase_windows`] says.
    pub phases: Vec<(Phase, Window)>,
    /// What only the page for people shows; the other formats need none.
    pub background: Background,
}

impl Contents {
    /// The stretch of which the page for people needs the rollups by the second,
    /// however long its buckets are; whole buckets of it, in place of those: the
    /// window of the step that a search's percentile curve is of. A longer bucket
    /// has the steps beside it, too.
    #[must_use]
    pub fn by_second(&self) -> Option<Window> {
        gather::reported_step(self).map(Step::window)
    }
}

/// See [`Contents::background`].
#[derive(Clone, Debug, Default)]
pub struct Background {
    /// The attempts, in the order of their shards.
    pub attempts: Vec<Attempt>,
    /// The commands, in their order: an open loop's rate over time follows from them.
    pub controls: Vec<ControlEvent>,
    /// The template to the letter; empty when nobody wrote it.
    pub template: String,
    /// When the file is made.
    pub made: Timestamp,
}

/// Why an export cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The rollups make no series.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// A rollup is of an operation that the run does not have.
    #[error("the history speaks of operation {operation}, the run has {operations} operations")]
    Operation {
        /// The rollup's operation.
        operation: u32,
        /// How many the run has.
        operations: usize,
    },
    /// The Parquet writer refused.
    #[error("parquet: {0}")]
    Parquet(String),
}

impl From<BadHistogram> for ExportError {
    fn from(error: BadHistogram) -> Self {
        Self::Series(SeriesError::Histogram(error))
    }
}

/// Turns rollups into a file, piece by piece. The file is all the pieces in
/// their order, some of which are empty; after an error it is worthless.
pub struct Exporter {
    operations: usize,
    writer: Writer,
}

enum Writer {
    Points { series: Box<Series>, sink: Sink },
    Hlog(Hlog),
    Html(Box<Html>),
}

enum Sink {
    Json(Json),
    Csv(Csv),
    Parquet(Box<Parquet>),
}

impl Exporter {
    /// Begins a file. Returns its first piece, too.
    pub fn begin(format: Format, contents: &Contents) -> Result<(Self, Vec<u8>), ExportError> {
        let (writer, first) = match format {
            Format::Hlog => {
                let (hlog, first) = Hlog::begin(contents);
                (Writer::Hlog(hlog), first)
            }
            Format::Json => {
                let (json, first) = Json::begin(contents);
                (points(contents, Sink::Json(json)), first)
            }
            Format::Csv => {
                let (csv, first) = Csv::begin(contents);
                (points(contents, Sink::Csv(csv)), first)
            }
            Format::Parquet => {
                let (parquet, first) = Parquet::begin(contents)?;
                (points(contents, Sink::Parquet(Box::new(parquet))), first)
            }
            Format::Html => {
                let html = Box::new(Html::begin(contents));
                (Writer::Html(html), Vec::new())
            }
        };
        let operations = contents.run.spec.operations.len();
        Ok((Self { operations, writer }, first))
    }

    /// Adds a rollup; they come in the order of time and are at least as fine as
    /// the file's resolution. Returns the next piece.
    pub fn push(&mut self, rollup: &Rollup) -> Result<Vec<u8>, ExportError> {
        if rollup.operation as usize >= self.operations {
            return Err(ExportError::Operation {
                operation: rollup.operation,
                operations: self.operations,
            });
        }
        match &mut self.writer {
            Writer::Hlog(hlog) => hlog.push(rollup),
            Writer::Html(html) => html.push(rollup).map(|()| Vec::new()),
            Writer::Points { series, sink } => {
                let points = series.push(rollup)?;
                sink.write(&points)
            }
        }
    }

    /// Ends the file. Returns its last piece.
    pub fn finish(self) -> Result<Vec<u8>, ExportError> {
        match self.writer {
            Writer::Hlog(hlog) => Ok(hlog.finish()),
            Writer::Html(html) => Ok(html.finish()),
            Writer::Points {
                mut series,
                mut sink,
            } => {
                let mut last = sink.write(&series.finish())?;
                last.extend(sink.finish()?);
                Ok(last)
            }
        }
    }
}

fn points(contents: &Contents, sink: Sink) -> Writer {
    let origin = contents.run.state.load_started;
    let series = Series::new(
        origin.unwrap_or(contents.run.created),
        contents.resolution,
        contents.percentiles.clone(),
        contents.phases.clone(),
    );
    let series = Box::new(series);
    Writer::Points { series, sink }
}

impl Sink {
    fn write(&mut self, points: &[HistoryPoint]) -> Result<Vec<u8>, ExportError> {
        match self {
            Self::Json(json) => Ok(json.write(points)),
            Self::Csv(csv) => Ok(csv.write(points)),
            Self::Parquet(parquet) => parquet.write(points),
        }
    }

    fn finish(self) -> Result<Vec<u8>, ExportError> {
        match self {
            Self::Json(_) => Ok(Json::end()),
            Self::Csv(_) => Ok(Vec::new()),
            Self::Parquet(parquet) => parquet.finish(),
        }
    }
}

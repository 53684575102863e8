//! A run's measurements as a file, made as its reader takes it.

use std::collections::VecDeque;

use gauntlet_api::v1::{self as pb, export_run_response::Part};
use gauntlet_export::{Background, Contents, ExportError, Exporter, Format, MOST_PAGE_POINTS};
use gauntlet_model::{
    history::{Percentiles, Resolution, Rollup},
    lifecycle::Window,
    run::Run,
    time::Timestamp,
};
use gauntlet_store::{Error as StoreError, Stores};
use gauntlet_wire::{decode, encode};
use tokio_util::sync::CancellationToken;
use tonic::{Response, Status};

use super::{history::Stretch, rollups::RollupReader};
use crate::{
    Backend, judged,
    pull::{self, Down, Pull, stopping},
    status, template_files,
};

/// The most bytes of one message.
const CHUNK: usize = 256 * 1024;

/// Why a file breaks off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored makes no file.
    #[error(transparent)]
    Export(#[from] ExportError),
}

pub(super) async fn export_run(
    backend: &Backend,
    request: pb::ExportRunRequest,
) -> Result<Response<Down<pb::ExportRunResponse>>, Status> {
    let request = decode::export_run(&request)?;
    let run = judged::run(&backend.stores, request.run).await;
    let run = run.map_err(status::control)?;
    let file = File::begin(backend, run, &request).await;
    Ok(pull::answer(file.map_err(status::file)?))
}

/// One file on its way. Nothing is read before its reader asks for more, and a
/// reader that goes away drops it; it holds one page of rollups, one chunk, and
/// what the format itself must hold.
struct File {
    header: Option<pb::ExportHeader>,
    /// One after the other; none when the run sent no load.
    readers: VecDeque<RollupReader>,
    rollups: std::vec::IntoIter<Rollup>,
    /// `None` once the file is complete.
    exporter: Option<Exporter>,
    ready: Vec<u8>,
    stop: CancellationToken,
}

impl File {
    async fn begin(
        backend: &Backend,
        run: Run,
        request: &decode::ExportRun,
    ) -> Result<Self, FileError> {
        let stores = &backend.stores;
        let format = format(request.format);
        let filename = format!("{}.{}", run.name, format.extension());
        let report = stores.reports.get(run.id).await?;
        let now = backend.clock.now();
        let whole = decode::Span::default();
        let mut stretch = Stretch::load(stores, run.clone(), now, whole).await?;
        let mut background = Background::default();
        if format == Format::Html {
            background = self::background(stores, &run, now).await?;
        }
        if let Some(stretch) = &mut stretch {
            resolve(stretch, format, request.resolution);
        }
        let contents = Contents {
            run,
            report,
            resolution: stretch
                .as_ref()
                .map_or(request.resolution, |stretch| stretch.resolution),
            percentiles: Percentiles::default(),
            phases: stretch
                .as_ref()
                .map_or_else(Vec::new, |stretch| stretch.phases.clone()),
            background,
        };
        let fine = contents.by_second().filter(|_| format == Format::Html);
        let readers = stretch.map_or_else(VecDeque::new, |mut stretch| {
            readers(stores, &mut stretch, fine)
        });
        let (exporter, ready) = Exporter::begin(format, &contents)?;
        Ok(Self {
            header: Some(pb::ExportHeader {
                filename,
                content_type: format.media_type().to_owned(),
            }),
            readers,
            rollups: Vec::new().into_iter(),
            exporter: Some(exporter),
            ready,
            stop: backend.stop.clone(),
        })
    }

    /// The next bytes of the file; `None` at its end.
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        while self.ready.len() < CHUNK {
            let Some(exporter) = &mut self.exporter else {
                break;
            };
            if let Some(rollup) = self.rollups.next() {
                self.ready.append(&mut exporter.push(&rollup)?);
            } else if let Some(page) = next_page(&mut self.readers).await? {
                self.rollups = page.into_iter();
            } else if let Some(exporter) = self.exporter.take() {
                self.ready.append(&mut exporter.finish()?);
            }
        }
        let rest = self.ready.split_off(self.ready.len().min(CHUNK));
        let chunk = std::mem::replace(&mut self.ready, rest);
        Ok((!chunk.is_empty()).then_some(chunk))
    }
}

/// Sets the resolution asked for; a page has one that its charts have room for.
fn resolve(stretch: &mut Stretch, format: Format, asked: Resolution) {
    if format != Format::Html {
        stretch.set(asked);
    } else if stretch
        .choose(Some(asked.length()), MOST_PAGE_POINTS)
        .is_err()
    {
        stretch.set(Resolution::Hour);
    }
}

/// What only people want to know of a run.
async fn background(stores: &Stores, run: &Run, now: Timestamp) -> Result<Background, StoreError> {
    Ok(Background {
        attempts: stores.runs.attempts(run.id).await?,
        controls: stores.runs.controls(run.id, 0).await?,
        template: template(run),
        made: now,
    })
}

/// The template as its author would write it.
fn template(run: &Run) -> String {
    let project = run.project.as_str();
    template_files::text(
        run.template.as_str(),
        Some(project),
        &encode::spec(&run.spec),
    )
}

/// Reads the stretch, and in it the buckets that hold a part of `fine` by the second.
fn readers(stores: &Stores, stretch: &mut Stretch, fine: Option<Window>) -> VecDeque<RollupReader> {
    let (whole, resolution) = (stretch.window, stretch.resolution);
    let within = fine.map(|fine| Window {
        from: fine.from.clamp(whole.from, whole.to),
        to: fine.to.clamp(whole.from, whole.to),
    });
    let within = within.filter(|within| within.from < within.to);
    let parts = match within {
        Some(within) => {
            stretch.window = within;
            stretch.set(resolution);
            let Window { from, to } = stretch.window;
            vec![
                (resolution, whole.from, from),
                (Resolution::Second, from, to),
                (resolution, to, whole.to),
            ]
        }
        None => vec![(resolution, whole.from, whole.to)],
    };
    let parts = parts.into_iter().filter(|(_, from, to)| from < to);
    parts
        .map(|(resolution, from, to)| {
            (stretch.resolution, stretch.window) = (resolution, Window { from, to });
            stretch.reader(stores, Vec::new())
        })
        .collect()
}

async fn next_page(
    readers: &mut VecDeque<RollupReader>,
) -> Result<Option<Vec<Rollup>>, StoreError> {
    while let Some(reader) = readers.front_mut() {
        if let Some(page) = reader.next().await? {
            return Ok(Some(page));
        }
        readers.pop_front();
    }
    Ok(None)
}

impl Pull for File {
    type Message = pb::ExportRunResponse;

    async fn next(&mut self) -> Option<Result<Self::Message, Status>> {
        let send = |part| Some(Ok(pb::ExportRunResponse { part: Some(part) }));
        if let Some(header) = self.header.take() {
            return send(Part::Header(header));
        }
        let stop = self.stop.clone();
        let chunk = tokio::select! {
            biased;
            () = stop.cancelled() => return Some(Err(stopping())),
            chunk = self.chunk() => chunk,
        };
        match chunk {
            Ok(chunk) => send(Part::Chunk(chunk?)),
            Err(error) => Some(Err(status::file(error))),
        }
    }
}

fn format(format: decode::ExportFormat) -> Format {
    match format {
        decode::ExportFormat::Json => Format::Json,
        decode::ExportFormat::Csv => Format::Csv,
        decode::ExportFormat::Hlog => Format::Hlog,
        decode::ExportFormat::Parquet => Format::Parquet,
        decode::ExportFormat::Html => Format::Html,
    }
}

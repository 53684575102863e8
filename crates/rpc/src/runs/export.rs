//! A run's measurements as a file, made as its reader takes it.

use gauntlet_api::v1::{self as pb, export_run_response::Part};
use gauntlet_export::{Background, Contents, ExportError, Exporter, Format, MOST_PAGE_POINTS};
use gauntlet_model::{
    history::{Percentiles, Resolution, Rollup},
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
    status,
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
    /// `None` when the run sent no load.
    reader: Option<RollupReader>,
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
        let reader = stretch
            .as_ref()
            .map(|stretch| stretch.reader(stores, Vec::new()));
        let contents = Contents {
            run,
            report,
            resolution: stretch
                .as_ref()
                .map_or(request.resolution, |stretch| stretch.resolution),
            percentiles: Percentiles::default(),
            phases: stretch.map_or_else(Vec::new, |stretch| stretch.phases),
            background,
        };
        let (exporter, ready) = Exporter::begin(format, &contents)?;
        Ok(Self {
            header: Some(pb::ExportHeader {
                filename,
                content_type: format.media_type().to_owned(),
            }),
            reader,
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
            } else if let Some(page) = next_page(&mut self.reader).await? {
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

/// The template as its author could have written it.
fn template(run: &Run) -> String {
    let project = run.project.as_str();
    gauntlet_template_file::write(
        run.template.as_str(),
        Some(project),
        &encode::spec(&run.spec),
    )
}

async fn next_page(reader: &mut Option<RollupReader>) -> Result<Option<Vec<Rollup>>, StoreError> {
    match reader {
        Some(reader) => reader.next().await,
        None => Ok(None),
    }
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

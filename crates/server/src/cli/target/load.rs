//! `gauntlet target load`.

use clap::Args;
use gauntlet_client::{Client, pb};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print,
    text::number::{count, counted},
};

/// Make and fill a table to try things on
///
/// Makes a table on the target and fills it with generated rows: id (1 to ROWS,
/// the primary key), k (integer, indexed), c (text), pad (text).
#[derive(Debug, Args)]
pub struct Load {
    /// The target's name
    name: String,
    /// The table to make, with or without its schema
    #[arg(long)]
    table: String,
    /// How many rows
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..))]
    rows: i64,
    /// The same seed gives the same rows
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Drop the table when it is there with another content
    #[arg(long)]
    replace: bool,
}

impl Load {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let target = find::target(&client, context, &self.name).await?;
        let dataset = pb::Dataset {
            table: self.table,
            rows: self.rows,
            seed: self.seed,
            replace: self.replace,
        };
        let table = dataset.table.clone();
        let last = load(&client, context, &target.name, dataset)
            .await
            .map_err(|failure| failure.already("--replace drops it first"))?;
        if context.is_json() {
            print::document("LoadDatasetResponse", &last)?;
            return Ok(Exit::Pass);
        }
        print::line(&if last.already_present {
            format!(
                "{table} is there already with {} rows",
                count(last.rows_total as u64)
            )
        } else {
            format!(
                "{table} loaded: {}",
                counted(last.rows_loaded as u64, "row")
            )
        })?;
        Ok(Exit::Pass)
    }
}

/// Loads a table, showing progress; gives the last message.
pub async fn load(
    client: &Client,
    context: &Context,
    target: &str,
    dataset: pb::Dataset,
) -> Result<pb::LoadDatasetResponse, Failure> {
    let mut progress = Progress::new(context, &dataset.table);
    let request = pb::LoadDatasetRequest {
        project: context.project(),
        name: target.to_owned(),
        dataset: Some(dataset),
    };
    let mut stream = client.targets().load_dataset(request).await?.into_inner();
    let mut last = pb::LoadDatasetResponse::default();
    while let Some(message) = stream.message().await? {
        progress.show(&message);
        last = message;
    }
    progress.end();
    Ok(last)
}

/// A bar on a terminal, a line each tenth elsewhere.
struct Progress {
    table: String,
    bar: Option<ProgressBar>,
    tenths: i64,
}

impl Progress {
    fn new(context: &Context, table: &str) -> Self {
        let style = ProgressStyle::with_template("{prefix:<11} [{bar:10}] {wide_msg}")
            .expect("the template is a constant")
            .progress_chars("=> ");
        let bar = context
            .draws
            .then(|| ProgressBar::new(1).with_style(style).with_prefix("loading"));
        Self {
            table: table.to_owned(),
            bar,
            tenths: 0,
        }
    }

    fn show(&mut self, message: &pb::LoadDatasetResponse) {
        let words = format!(
            "{}: {} of {} rows",
            self.table,
            count(message.rows_loaded as u64),
            count(message.rows_total as u64)
        );
        if let Some(bar) = &self.bar {
            bar.set_length(message.rows_total as u64);
            bar.set_position(message.rows_loaded as u64);
            bar.set_message(words);
            return;
        }
        let tenths = message.rows_loaded.saturating_mul(10) / message.rows_total.max(1);
        if tenths > self.tenths && !message.already_present {
            self.tenths = tenths;
            print::aside(&words);
        }
    }

    fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

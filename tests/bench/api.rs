//! The API under load, on both stores: a control plane in a process of its own, and this program as everybody who calls it.

mod calls;
mod create_run;
mod fanout;
mod ingest;
mod json;
mod place;
mod seed;
mod template;
mod worker;

pub use place::Server;

use crate::error::Result;
use crate::figure::Figure;
use crate::plane::Binary;
use crate::settings::{Options, Part, Settings};
use place::{Kind, Place};

pub async fn measure(
    options: &Options,
    settings: &Settings,
    binary: &Binary,
    server: &Server,
) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for kind in Kind::ALL {
        if options.wants(Part::CreateRun) {
            let place = Place::new(kind, server, "created")?;
            figures.push(create_run::measure(settings, binary, &place).await?);
        }
        if options.wants(Part::Fanout) {
            let place = Place::new(kind, server, "watched")?;
            figures.extend(fanout::measure(settings, binary, &place).await?);
        }
        if options.wants(Part::Ingest) {
            let place = Place::new(kind, server, "measured")?;
            figures.extend(ingest::measure(settings, binary, &place).await?);
        }
        if options.wants(Part::ListRuns) {
            let place = Place::new(kind, server, "listed")?;
            figures.extend(calls::measure(settings, binary, &place).await?);
        }
    }
    Ok(figures)
}

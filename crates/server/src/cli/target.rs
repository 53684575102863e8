//! `gauntlet target`: the databases under test.

pub mod add;
mod change;
pub mod load;
pub mod look;

use clap::{Args, Subcommand};
use gauntlet_client::pb;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print,
    text::{
        address,
        number::latency,
        table::{Align, Table},
    },
};

/// Registers the databases under test.
#[derive(Debug, Subcommand)]
pub enum Target {
    Add(add::Add),
    /// List the databases of a project
    List,
    Test(Test),
    Load(load::Load),
    /// Change where a database is or who logs in
    Update(change::Update),
    Delete(change::Delete),
    Capabilities(look::Capabilities),
    Tables(look::Tables),
    Profile(look::Profile),
}

/// Connect to a database and ask for its version
#[derive(Debug, Args)]
pub struct Test {
    /// The target's name
    name: String,
}

impl Target {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Add(add) => add.run(context).await,
            Self::List => list(context).await,
            Self::Test(test) => test.run(context).await,
            Self::Load(load) => load.run(context).await,
            Self::Update(update) => update.run(context).await,
            Self::Delete(delete) => delete.run(context).await,
            Self::Capabilities(capabilities) => capabilities.run(context).await,
            Self::Tables(tables) => tables.run(context).await,
            Self::Profile(profile) => profile.run(context).await,
        }
    }
}

async fn list(context: &Context) -> Result<Exit, Failure> {
    let client = context.client().await?;
    let request = pb::ListTargetsRequest {
        project: context.project(),
        page: Some(find::first_page()),
    };
    let response = client.targets().list_targets(request).await?.into_inner();
    if context.is_json() {
        print::document("ListTargetsResponse", &response)?;
        return Ok(Exit::Pass);
    }
    if response.targets.is_empty() {
        print::aside("no targets; register one with: gauntlet target add NAME --postgres URL");
        return Ok(Exit::Pass);
    }
    let mut table = Table::with_header([("name", Align::Left), ("address", Align::Left)]);
    for target in &response.targets {
        table.row([target.name.clone(), address::of(target)]);
    }
    print::text(&table.to_string())?;
    Ok(Exit::Pass)
}

impl Test {
    async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let target = find::target(&client, context, &self.name).await?;
        let request = pb::TestTargetRequest {
            project: context.project(),
            name: self.name,
        };
        let response = client.targets().test_target(request).await?.into_inner();
        if context.is_json() {
            print::document("TestTargetResponse", &response)?;
        } else {
            print::line(&format!(
                "{} answers: {} after {}, {}",
                target.name,
                response.version,
                latency(response.connect_us as f64),
                address::of(&target)
            ))?;
        }
        Ok(Exit::Pass)
    }
}

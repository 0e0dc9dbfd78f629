//! What a run works with, handed in by whoever builds the system.

use crate::commit::Sinks;
use crate::names::asset_of;
use crate::report::Progress;
use async_trait::async_trait;
use segue_core::engine::Engine;
use segue_core::sink::{Sink, Target};
use segue_core::source::Source;
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_spec::Project;
use segue_spec::model::{Asset, Copy};
use segue_store::{AssetRow, Store};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Everything that runs need from outside: the project and the places that it works on.
#[derive(Clone)]
pub struct Deps {
    /// What the project's files say.
    pub project: Arc<Project>,
    /// What is remembered.
    pub store: Store,
    /// Where tables are.
    pub places: Places,
    /// What keeps the lake's tables in order between commits.
    pub keeper: Arc<dyn Keeper>,
    /// Where rows come from.
    pub sources: Arc<dyn Sources>,
    /// What answers SQL.
    pub engine: Arc<dyn Engine>,
    /// A folder beside the state for notes of what lies staged for a step that commits once, at its end.
    pub shelf: PathBuf,
    /// Who is told how far a run is.
    pub progress: Arc<dyn Progress>,
    /// Who this process is, for people who meet its leases: user, host and process.
    pub holder: String,
    /// Where inputs are read from that are not built here.
    pub elsewhere: Arc<dyn Elsewhere>,
}

/// What stands before the name of an environment where a table of its lake is called by a connection's name: no connection has a space in
/// its name.
pub const ENVIRONMENT: &str = "environment ";

/// The lakes of other environments, from which inputs are read that are not built here.
#[async_trait]
pub trait Elsewhere: Send + Sync {
    /// Whether there is any.
    fn is_any(&self) -> bool;

    /// The table of this name in the nearest of them that has one; in place of a connection it names the environment ([`ENVIRONMENT`]), under
    /// which [`Places::sinks`] has a sink that only reads.
    ///
    /// # Errors
    /// `NotFound` for a lake that is not there; those of the lakes.
    async fn find(&self, name: &AssetName, ctx: &Ctx) -> Result<Option<Target>>;
}

/// There are no others.
pub struct Nowhere;

#[async_trait]
impl Elsewhere for Nowhere {
    fn is_any(&self) -> bool {
        false
    }

    async fn find(&self, _name: &AssetName, _ctx: &Ctx) -> Result<Option<Target>> {
        Ok(None)
    }
}

/// The environment in whose lake a table lies that is read; `None` for this one's.
pub fn environment_of(target: &Target) -> Option<&str> {
    target.connection.as_deref()?.strip_prefix(ENVIRONMENT)
}

/// The lake, and the sinks of the connections.
#[derive(Clone)]
pub struct Places {
    /// The lake.
    pub lake: Arc<dyn Sink>,
    /// The sinks by their connections' names.
    pub sinks: BTreeMap<String, Arc<dyn Sink>>,
}

impl Sinks for Places {
    fn of(&self, target: &Target) -> Result<Arc<dyn Sink>> {
        let Some(connection) = &target.connection else {
            return Ok(self.lake.clone());
        };
        self.sinks.get(connection).cloned().ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                format!(
                    "{} lives in the connection `{connection}`, which this project does not have",
                    target.name
                ),
            )
            .hint(format!(
                "put the connection back, or give the table up with `segue asset drop {} --table-only`",
                target.name
            ))
        })
    }
}

/// Keeps the lake's tables in order between an asset's commits: with versions that have no number and that no reader has to know of.
///
/// Called under the asset's lease, with nothing prepared. A worker that was frozen over it does no harm when it wakes: each change is made
/// to the version that it was worked out on, or not at all, and doing one twice is as doing it once.
#[async_trait]
pub trait Keeper: Send + Sync {
    /// Carries a plan out that was worked out on a companion of an asset's table.
    ///
    /// # Errors
    /// `Conflict` when the table moved since: to be worked out anew.
    async fn amend(&self, companion: &Target, plan: &Value, ctx: &Ctx) -> Result<()>;

    /// What the end of a step that committed owes the asset's tables in the lake: many small files are joined, a long log gets a
    /// checkpoint, and once a day files go that no version of the last seven days needs. Cheap where there is nothing to do.
    ///
    /// # Errors
    /// Those of the lake. The tables are right whether it succeeded or not.
    async fn tidy(&self, asset: &AssetRow, ctx: &Ctx) -> Result<()>;
}

/// Opens the sources of copies.
pub trait Sources: Send + Sync {
    /// The source that this copy reads, with every reference of its settings resolved.
    ///
    /// # Errors
    /// `NotFound` for a secret or a connection that is not there, `Invalid` for settings that its connector refuses.
    fn open(&self, copy: &Copy) -> Result<Opened>;

    /// The text without any secret that was resolved for a source so far: for what is written down of a step.
    fn redact(&self, text: &str) -> String {
        text.to_string()
    }
}

/// A source, and what to ask it.
pub struct Opened {
    /// The source.
    pub source: Arc<dyn Source>,
    /// The connector's own keys of the copy, references resolved.
    pub settings: Value,
}

impl Deps {
    /// The asset of this name.
    ///
    /// # Errors
    /// `NotFound` when the project has none.
    pub fn asset(&self, name: &AssetName) -> Result<&Asset> {
        asset_of(&self.project, name)
            .ok_or_else(|| Error::new(Kind::NotFound, format!("there is no asset {name} in this project")))
    }
}

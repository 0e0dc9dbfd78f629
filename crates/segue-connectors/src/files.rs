//! Files beside the project. So far: CSV.

mod again;
mod csv;
mod infer;
mod paths;
mod scan;
mod shape;

use crate::connector::{ConnectionSettings, Connector, Deps, read_copy, schema_of, sent_by};
use async_trait::async_trait;
use futures::stream::BoxStream;
use schemars::JsonSchema;
use segue_core::source::{Again, Discovered, KeptRecord, Offered, Read, ReadRequest, Source, Wanted};
use segue_core::{Ctx, Error, Kind, Result};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The connector. It is built in: no connection file is needed.
pub static CONNECTOR: Connector = Connector {
    kind: "files",
    about: "Files beside the project.",
    connection_schema: schema_of::<NoSettings>,
    copy_schema: schema_of::<FilesCopy>,
    into_schema: None,
    source: Some(open),
    sink: None,
};

/// Files need no connection.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// What is read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-not-in-this-version" = ["nested"]))]
pub struct FilesCopy {
    /// Which files, relative to the project's folder: `data/*.csv`, `data/**/orders.csv`. Each is read once, wherever links lead; `**`
    /// does not go into linked folders.
    #[schemars(length(min = 1))]
    pub path: String,
    /// How they are written.
    #[serde(default)]
    pub format: Format,
    /// Whether the first line names the columns. Without one, columns go by their order.
    #[serde(default = "yes")]
    pub header: bool,
    /// What stands between fields, one character.
    #[serde(default = "comma")]
    #[schemars(length(min = 1, max = 1))]
    pub delimiter: String,
    /// What stands around fields that hold delimiters or line ends, one character; doubled inside, it is itself. A field that begins
    /// with it ends with it. An empty field is null, and `""` in a column of strings is the empty string.
    #[serde(default = "quote")]
    #[schemars(length(min = 1, max = 1))]
    pub quote: String,
}

/// How files are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Fields and lines.
    #[default]
    Csv,
}

fn yes() -> bool {
    true
}
fn comma() -> String {
    ",".into()
}
fn quote() -> String {
    "\"".into()
}

fn open(settings: ConnectionSettings, deps: Deps) -> Result<Arc<dyn Source>> {
    settings.read::<NoSettings>(&deps.connection)?;
    Ok(Arc::new(Files {
        folder: deps.project_dir,
    }))
}

fn no_tables() -> Error {
    Error::new(Kind::Unsupported, "files are no tables that could be listed")
        .hint("write a copy with `path: data/*.csv`, and look at it with `segue preview ASSET`")
}

/// The project's files.
struct Files {
    folder: PathBuf,
}

#[async_trait]
impl Source for Files {
    /// The same wherever the project lies: a checkout elsewhere holds the same files.
    fn identity(&self) -> String {
        "files".into()
    }

    async fn test(&self, _ctx: &Ctx) -> Result<String> {
        match self.folder.is_dir() {
            true => Ok(format!("files below {}", self.folder.display())),
            false => {
                Err(Error::new(Kind::NotFound, "the project's folder is not there")
                    .with("folder", self.folder.display()))
            }
        }
    }

    async fn discover(&self, _wanted: &Wanted<'_>, _ctx: &Ctx) -> Result<Vec<Discovered>> {
        Err(no_tables())
    }

    async fn tables(&self, _ctx: &Ctx) -> Result<Vec<Offered>> {
        Err(no_tables())
    }

    async fn again(&self, request: ReadRequest, records: Vec<KeptRecord>, ctx: &Ctx) -> Result<Again> {
        again::again(&read_copy(&request.copy)?, &request, &records, ctx)
    }

    async fn read(&self, request: ReadRequest, ctx: &Ctx) -> Result<BoxStream<'static, Result<Read>>> {
        let copy: FilesCopy = read_copy(&request.copy)?;
        if request.slices.len() > 1 {
            return Err(Error::new(Kind::Unsupported, "a copy from files has no slices")
                .hint("read all files with one `path:`"));
        }
        let files = paths::matching(&self.folder, &copy.path)?;
        let (out, results) = mpsc::channel(4);
        let (folder, ctx, meter) = (self.folder.clone(), ctx.clone(), ctx.meter.clone());
        // Files are read by blocking calls. The thread ends at the next batch once nobody listens any more.
        let reading = tokio::task::spawn_blocking(move || {
            meter.measured(|| csv::read(&folder, &files, &copy, &request, &ctx, &out))
        });
        Ok(sent_by(results, reading))
    }
}

#[cfg(test)]
mod tests;

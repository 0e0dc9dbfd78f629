//! Files, wherever they lie. So far: CSV, beside the project.

mod csv;
pub(crate) mod export;
mod infer;
mod local;
pub mod pattern;
pub mod place;
mod scan;
mod shape;

use crate::connector::{ConnectionSettings, Connector, Deps, read_copy, schema_of, sent_by};
use async_trait::async_trait;
use futures::stream::BoxStream;
use pattern::Pattern;
use place::{Listed, Place};
use schemars::JsonSchema;
use segue_core::source::{Discovered, Offered, Read, ReadRequest, Source, Wanted};
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
    into_schema: Some(export::schema),
    source: Some(open),
    sink: Some(export::beside_project),
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
    let folder = local::Folder(deps.project_dir);
    Ok(Arc::new(Files::of(Arc::new(folder), deps.staging_dir)))
}

fn no_tables() -> Error {
    Error::new(Kind::Unsupported, "files are no tables that could be listed")
        .hint("write a copy with `path: data/*.csv`, and look at it with `segue preview ASSET`")
}

/// A source of files, wherever they lie.
pub struct Files {
    place: Arc<dyn Place>,
    scratch: PathBuf,
}

impl Files {
    /// Of this place. Files that are brought from elsewhere lie in the folder `scratch` while they are read.
    pub fn of(place: Arc<dyn Place>, scratch: PathBuf) -> Files {
        Files { place, scratch }
    }

    /// The files that a path means, in order of their paths.
    async fn listed(&self, path: &str, ctx: &Ctx) -> Result<Vec<Listed>> {
        let pattern = Pattern::parse(path)?;
        let mut files = self.place.list(&pattern, ctx).await?;
        if files.is_empty() {
            return Err(Error::new(Kind::NotFound, format!("no file fits `{path}`"))
                .code(segue_diag::FILES_NONE)
                .with("below", self.place.root())
                .hint("paths are relative to where the files lie, for local files the folder of segue.yaml; * stands for anything but /, ** for folders"));
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }
}

#[async_trait]
impl Source for Files {
    fn identity(&self) -> String {
        self.place.identity()
    }

    async fn test(&self, ctx: &Ctx) -> Result<String> {
        self.place.test(ctx).await
    }

    async fn discover(&self, _wanted: &Wanted<'_>, _ctx: &Ctx) -> Result<Vec<Discovered>> {
        Err(no_tables())
    }

    async fn tables(&self, _ctx: &Ctx) -> Result<Vec<Offered>> {
        Err(no_tables())
    }

    async fn read(&self, request: ReadRequest, ctx: &Ctx) -> Result<BoxStream<'static, Result<Read>>> {
        let copy: FilesCopy = read_copy(&request.copy)?;
        if request.slices.len() > 1 {
            return Err(Error::new(Kind::Unsupported, "a copy from files has no slices")
                .hint("read all files with one `path:`"));
        }
        let files = self.listed(&copy.path, ctx).await?;
        let (out, results) = mpsc::channel(4);
        let (place, scratch, ctx, meter) = (self.place.clone(), self.scratch.clone(), ctx.clone(), ctx.meter.clone());
        let runtime = tokio::runtime::Handle::current();
        // Files are read by blocking calls. The thread ends at the next batch once nobody listens any more.
        let reading = tokio::task::spawn_blocking(move || {
            let open = |file: &Listed| runtime.block_on(place.open(file, &scratch, &ctx));
            meter.measured(|| csv::read(&files, &open, &copy, &request, &ctx, &out))
        });
        Ok(sent_by(results, reading))
    }
}

#[cfg(test)]
mod tests;

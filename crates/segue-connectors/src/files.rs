//! Files, wherever they lie: CSV, JSON, JSON lines, XML, spreadsheets and Parquet.
//!
//! In reading order: where files lie ([`place`], the local folder among them), what a copy says of them ([`settings`]), which are due
//! ([`known`]), what is in one ([`input`], [`encoding`]), and how that becomes rows ([`read`]): tables of text ([`table`], with [`csv`] and
//! [`excel`]), records ([`records`]) and [`parquet`].

mod again;
mod csv;
mod encoding;
mod excel;
pub(crate) mod export;
mod infer;
mod input;
mod known;
mod local;
mod parquet;
pub mod pattern;
pub mod place;
mod read;
mod records;
pub mod settings;
mod shape;
mod table;

use crate::connector::{ConnectionSettings, Connector, Deps, read_copy, schema_of, sent_by};
use async_trait::async_trait;
use futures::stream::BoxStream;
use known::Known;
use pattern::Pattern;
use place::{Listed, Place};
use schemars::JsonSchema;
use segue_core::source::{Again, Discovered, KeptRecord, Offered, Read, ReadRequest, Source, Wanted};
use segue_core::{Ctx, Error, Kind, Result};
use serde::Deserialize;
use serde_json::Value;
pub use settings::FilesCopy;
use settings::Only;
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

fn open(settings: ConnectionSettings, deps: Deps) -> Result<Arc<dyn Source>> {
    settings.read::<NoSettings>(&deps.connection)?;
    let folder = local::Folder(deps.project_dir);
    Ok(Arc::new(Files::of(Arc::new(folder), deps.staging_dir)))
}

/// Files below a folder, as a source of its own: for rows that no connection of a project is around for.
pub fn below(folder: PathBuf) -> Arc<dyn Source> {
    let scratch = folder.clone();
    Arc::new(Files::of(Arc::new(local::Folder(folder)), scratch))
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
        let mut files = self.place.list(&Pattern::parse(path)?, ctx).await?;
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }

    fn none(&self, path: &str) -> Error {
        Error::new(Kind::NotFound, format!("no file fits `{path}`"))
            .code(segue_diag::FILES_NONE)
            .with("folder", self.place.root())
            .hint("paths are relative to this folder; * stands for anything but /, ** for folders")
    }
}

/// What a read begins with.
struct Begun {
    files: Vec<Listed>,
    known: Option<Known>,
    notes: Vec<String>,
}

impl Files {
    async fn begin(&self, copy: &FilesCopy, from: Option<&Value>, key: &[String], ctx: &Ctx) -> Result<Begun> {
        let listed = self.listed(&copy.path, ctx).await?;
        let Some(Only::Changed) = copy.only else {
            return match listed.is_empty() {
                true => Err(self.none(&copy.path)),
                false => Ok(Begun {
                    files: listed,
                    known: None,
                    notes: Vec::new(),
                }),
            };
        };
        let mut known = Known::of(from)?;
        if listed.is_empty() {
            // Files are taken away when they were read. But a folder that is not there now may come back with all that was read: none of it is
            // forgotten.
            return match known.is_empty() {
                true => Err(self.none(&copy.path)),
                false => Ok(Begun {
                    files: listed,
                    known: Some(known),
                    notes: vec![format!("no file fits `{}` now", copy.path)],
                }),
            };
        }
        let due = known.due(listed, copy, key)?;
        Ok(Begun {
            files: due.files,
            known: Some(known),
            notes: due.notes,
        })
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

    async fn again(&self, request: ReadRequest, records: Vec<KeptRecord>, ctx: &Ctx) -> Result<Again> {
        again::again(&read_copy(&request.copy)?, &request, &records, ctx)
    }

    async fn read(&self, request: ReadRequest, ctx: &Ctx) -> Result<BoxStream<'static, Result<Read>>> {
        let copy: FilesCopy = read_copy(&request.copy)?;
        if request.slices.len() > 1 {
            return Err(Error::new(Kind::Unsupported, "a copy from files has no slices")
                .hint("read all files with one `path:`"));
        }
        copy.check()?;
        let (from, key) = (request.from.clone(), request.key.clone());
        let begun = self.begin(&copy, from.as_ref(), &key, ctx).await?;
        let (out, results) = mpsc::channel(4);
        let (place, scratch, ctx, meter) = (self.place.clone(), self.scratch.clone(), ctx.clone(), ctx.meter.clone());
        let runtime = tokio::runtime::Handle::current();
        // Files are read by blocking calls. The thread ends at the next batch once nobody listens any more.
        let reading = tokio::task::spawn_blocking(move || {
            let open = |file: &Listed| runtime.block_on(place.open(file, &scratch, &ctx));
            meter.measured(|| read::read(begun, &open, &copy, &request, &ctx, &out))
        });
        Ok(sent_by(results, reading))
    }
}

#[cfg(test)]
mod tests;

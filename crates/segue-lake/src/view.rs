//! A table as it is read: at one version, as it would be after a plan, or what lies staged.

use crate::file::DataFile;
use crate::lake::Lake;
use crate::plan::Plan;
use crate::provider::FilesProvider;
use crate::staged::Place;
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use object_store::ObjectStore;
use segue_core::engine::{Pinned, Relation};
use segue_core::hash::sha256;
use segue_core::sink::{Staged, Target};
use segue_core::{Batches, Error, Kind, Result, TableId, align};
use segue_diag::VERSION_GONE;
use serde_json::Value;
use std::any::Any;
use std::sync::Arc;

/// A fixed list of data files under one schema. What it shows never changes; files are read when they are asked for.
#[derive(Clone, Debug)]
pub struct LakeView {
    name: String,
    store: Arc<dyn ObjectStore>,
    schema: SchemaRef,
    pub(crate) files: Arc<Vec<DataFile>>,
    table: TableId,
    version: Option<u64>,
}

impl LakeView {
    /// The version of the table that is shown; `None` for what is not a version: staged rows, or a table as it would be.
    pub fn version(&self) -> Option<u64> {
        self.version
    }

    /// How many rows there are, where every file's statistics say so.
    pub fn row_count(&self) -> Option<u64> {
        self.files.iter().map(DataFile::row_count).sum()
    }

    /// The size of its files, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|f| f.size).sum()
    }

    /// A provider for DataFusion with projection, pruning by statistics, and row counts. It is not secured: whoever registers it
    /// lets everybody who can name it read everything.
    ///
    /// # Errors
    /// None today; callers are ready for views that cannot be read so.
    pub fn provider(&self) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::new(FilesProvider::new(
            self.store.clone(),
            self.schema.clone(),
            self.files.clone(),
        )))
    }
}

#[async_trait]
impl Relation for LakeView {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches> {
        let schema = match columns {
            None => self.schema.clone(),
            Some(columns) => Arc::new(
                self.schema
                    .project(columns)
                    .map_err(|e| Error::bug(format!("{} has no such column", self.name)).caused_by(e))?,
            ),
        };
        Ok(crate::read::files(self.store.clone(), self.files.to_vec(), schema))
    }

    fn pinned(&self) -> Option<Pinned> {
        // Data files are never changed, and no two have one path.
        let mut paths: Vec<&str> = self.files.iter().map(|f| f.path.as_str()).collect();
        paths.sort_unstable();
        Some(Pinned {
            table: self.table,
            version: self.version?,
            content: sha256(paths.join("\n")),
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Lake {
    /// The target's table at this version, or at its newest.
    ///
    /// # Errors
    /// `NotFound` where there is no table, or no longer such a version; `Unsupported` for what would be read wrongly.
    pub async fn view_at(&self, target: &Target, version: Option<u64>) -> Result<Arc<LakeView>> {
        let missing = || match version {
            Some(v) => Error::new(Kind::NotFound, format!("{} has no version {v}", target.name)).code(VERSION_GONE),
            None => Error::new(Kind::NotFound, format!("there is no table {} yet", target.name)),
        };
        let loaded = self.load_version(target, version).await;
        let table = match loaded {
            // The library's words for a version that never was are many; the newest one tells it apart from a broken log.
            Err(e) if version.is_some() && e.kind() == Kind::BadData => {
                return match self.load_target(target).await? {
                    Some(newest) if version.is_some_and(|v| v < newest.version()) => Err(missing().caused_by(e)),
                    _ => Err(missing()),
                };
            }
            loaded => loaded?.ok_or_else(missing)?,
        };
        Ok(Arc::new(LakeView {
            name: target.name.to_string(),
            table: target.table,
            store: self.store_of(&target.place),
            schema: table.schema()?,
            files: Arc::new(table.files(&target.name.to_string())?),
            version: Some(table.version()),
        }))
    }

    /// The table as it would be after this plan.
    pub(crate) async fn view_of_plan(&self, target: &Target, plan: &Value) -> Result<Arc<LakeView>> {
        let plan = Plan::from_json(plan)?;
        let mut files = match plan.version {
            None => Vec::new(),
            Some(version) => self.view_at(target, Some(version)).await?.files.to_vec(),
        };
        files.retain(|f| !plan.removes.iter().any(|gone| gone.path == f.path));
        files.extend(plan.adds.iter().cloned());
        Ok(Arc::new(LakeView {
            name: target.name.to_string(),
            table: target.table,
            store: self.store_of(&target.place),
            schema: plan.schema(),
            files: Arc::new(files),
            version: None,
        }))
    }

    /// The staged rows that come; those that only say which keys go are not rows of the table.
    pub(crate) fn view_of_staged(&self, target: &Target, staged: &[Staged]) -> Result<Arc<LakeView>> {
        let places: Vec<Place> = staged.iter().map(Place::of).collect::<Result<_>>()?;
        let mut schemas = places.iter().map(Place::schema);
        let first = schemas.next().unwrap_or_else(|| Arc::new(Schema::empty()));
        let schema = schemas.try_fold(first, |all, next| align::common(&all, &next))?;
        Ok(Arc::new(LakeView {
            name: target.name.to_string(),
            table: target.table,
            store: self.store_of(&target.place),
            schema,
            files: Arc::new(places.into_iter().flat_map(|p| p.files).collect()),
            version: None,
        }))
    }
}

//! Rows that lie ready in a table's folder, named by nobody.
//!
//! Rows that come are written as files which the table can take as they are. Keys that go are written beside them, under `_segue/staged/`,
//! where no reader of Delta looks.

use crate::file::DataFile;
use crate::lake::Lake;
use crate::schema::{Column, columns, of_columns};
use crate::write::Writer;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::arrow::compute::{filter_record_batch, not};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::ObjectStoreExt;
use segue_core::fault::{Boundary, reach};
use segue_core::sink::{Rows, Staged, Target};
use segue_core::{Ctx, Error, Result, align};
use serde::{Deserialize, Serialize};

/// The lake's note of what lies where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The columns of the files.
    pub columns: Vec<Column>,
    /// Rows that come.
    pub files: Vec<DataFile>,
    /// Rows whose keys go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deletes: Vec<DataFile>,
    /// The version of the table whose own files these are: then they were not staged, and nobody may remove them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

impl Place {
    pub fn of(staged: &Staged) -> Result<Place> {
        serde_json::from_value(staged.place.clone())
            .map_err(|e| Error::bug("cannot read the lake's note of staged rows").caused_by(e))
    }

    pub fn schema(&self) -> SchemaRef {
        of_columns(&self.columns)
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().chain(&self.deletes).map(|f| f.path.as_str())
    }
}

impl Lake {
    /// Streams rows into files; they are durable when it returns.
    pub(crate) async fn stage_rows(
        &self,
        target: &Target,
        schema: SchemaRef,
        mut rows: BoxStream<'static, Result<Rows>>,
        ctx: &Ctx,
    ) -> Result<Staged> {
        let kept = align::kept(&schema)?;
        let now = ctx.clock.now();
        let store = self.store_of(&target.place);
        let target_bytes = self.options().target_file_bytes;
        let mut comes = Writer::new(store.clone(), "", kept.clone(), target_bytes, now);
        let mut goes = Writer::new(store, "_segue/staged/", kept.clone(), target_bytes, now);
        let outcome = loop {
            let next = match ctx.or_cancelled(async { rows.next().await.transpose() }).await {
                Ok(Some(next)) => next,
                Ok(None) => break Ok(()),
                Err(e) => break Err(e),
            };
            if let Err(e) = stage_batch(&mut comes, &mut goes, next, &kept).await {
                break Err(e);
            }
        };
        if let Err(e) = outcome {
            comes.abandon().await;
            goes.abandon().await;
            return Err(e);
        }
        let place = Place {
            columns: columns(&kept)?,
            files: comes.finish().await?,
            deletes: goes.finish().await?,
            version: None,
        };
        reach(Boundary::LakeStaged);
        let files = || place.files.iter().chain(&place.deletes);
        Ok(Staged {
            rows: files().filter_map(|f| f.rows).sum(),
            bytes: files().map(|f| f.size).sum(),
            place: serde_json::to_value(&place)
                .map_err(|e| Error::bug("a note of staged rows is not JSON").caused_by(e))?,
        })
    }

    /// Removes files that no commit will name; missing ones are no error.
    pub(crate) async fn discard_staged(&self, target: &Target, staged: &[Staged], wrote: &[String]) -> Result<()> {
        let store = self.store_of(&target.place);
        let mut paths: Vec<String> = wrote.to_vec();
        for staged in staged {
            let place = Place::of(staged)?;
            if place.version.is_none() {
                paths.extend(place.paths().map(str::to_string));
            }
        }
        for path in paths {
            match store.delete(&crate::read::location(&path)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(e) => {
                    return Err(crate::errors::storage(
                        e,
                        format!("cannot remove the staged file {path}"),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Puts a batch where its rows belong.
async fn stage_batch(comes: &mut Writer, goes: &mut Writer, rows: Rows, kept: &SchemaRef) -> Result<()> {
    let batch = align::align(&rows.batch, kept)?;
    let Some(deletes) = rows.deletes else {
        return comes.write(&batch).await;
    };
    let split = |mask: &arrow_array::BooleanArray| -> Result<RecordBatch> {
        filter_record_batch(&batch, mask).map_err(|e| Error::bug("cannot part deleting rows from others").caused_by(e))
    };
    let stays = not(&deletes).map_err(|e| Error::bug("cannot part deleting rows from others").caused_by(e))?;
    comes.write(&split(&stays)?).await?;
    goes.write(&split(&deletes)?).await
}

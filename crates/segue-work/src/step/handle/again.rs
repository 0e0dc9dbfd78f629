//! Rows that were set aside, read again by what the asset's definition says today.

use super::back;
use crate::deps::{Deps, Opened};
use crate::names;
use crate::nest::Nest;
use crate::step::aside::{Form, SetAside};
use crate::step::read::declared_schema;
use crate::step::survey::source_copy;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use segue_core::source::{KeptRecord, ReadRequest, ReadSchema};
use segue_core::{Ctx, Error, Kind, Result, align};
use segue_spec::model::{Asset, Copy};
use segue_store::AssetRow;
use serde_json::Value;

/// Rows that were read again.
pub struct ReadAgain {
    /// Those that fit, in the columns that the table is to have.
    pub batch: RecordBatch,
    /// What each of them was, by the batch's rows.
    pub rows: Vec<SetAside>,
    /// Those that do not fit, with the reason of today.
    pub misfits: Vec<SetAside>,
    /// What is worth saying.
    pub notes: Vec<String>,
}

/// What rows are read again with.
pub struct Reader<'a> {
    /// What the run works with.
    pub deps: &'a Deps,
    /// Whose rows.
    pub asset: &'a Asset,
    /// As the state knows it.
    pub row: &'a AssetRow,
    /// The table's columns; `None` before there is one.
    pub table: Option<&'a SchemaRef>,
    /// The step's context.
    pub ctx: &'a Ctx,
}

impl Reader<'_> {
    /// Reads these again; all of them can be.
    ///
    /// # Errors
    /// `NotFound` where nothing tells the columns; those of the connection's settings.
    pub async fn read(&self, rows: Vec<SetAside>) -> Result<ReadAgain> {
        let (records, kept): (Vec<_>, Vec<_>) = rows.into_iter().partition(|r| r.form == Some(Form::Record));
        let mut read = ReadAgain {
            batch: RecordBatch::new_empty(std::sync::Arc::new(arrow_schema::Schema::empty())),
            rows: Vec::new(),
            misfits: Vec::new(),
            notes: Vec::new(),
        };
        let mut batches = Vec::new();
        if !kept.is_empty() {
            batches.push(self.rows(kept, &mut read)?);
        }
        if !records.is_empty() {
            batches.push(self.records(records, &mut read).await?);
        }
        let mut schema: Option<SchemaRef> = None;
        for batch in &batches {
            schema = Some(match schema {
                None => batch.schema(),
                Some(schema) => align::common(&schema, &batch.schema())?,
            });
        }
        if let Some(schema) = schema {
            let aligned = batches.iter().map(|b| align::align(b, &schema));
            let aligned: Vec<RecordBatch> = aligned.collect::<Result<_>>()?;
            read.batch = concat_batches(&schema, &aligned)
                .map_err(|e| Error::bug("rows that were read again do not join").caused_by(e))?;
        }
        Ok(read)
    }

    /// Rows that were kept as rows of the table.
    fn rows(&self, kept: Vec<SetAside>, read: &mut ReadAgain) -> Result<RecordBatch> {
        let schema = self.schema()?;
        let (batch, fit, misfits) = back::batch(kept.iter().map(|r| r.row.as_str()), &schema)?;
        read.rows.extend(fit.into_iter().map(|at| kept[at].clone()));
        read.misfits
            .extend(misfits.into_iter().map(|(at, (reason, path))| SetAside {
                reason,
                path,
                check: None,
                ..kept[at].clone()
            }));
        Ok(batch)
    }

    /// The columns that a row of the table has today, but for those that the write mode fills by itself.
    fn schema(&self) -> Result<SchemaRef> {
        let of_copy = match source_copy(self.asset) {
            Some(copy) => {
                let schema = self.read_schema(copy)?;
                declared_schema(schema.columns.as_deref().filter(|_| schema.untyped.is_empty()))
            }
            None => None,
        };
        if let Some(schema) = of_copy {
            return match Nest::of(self.asset) {
                Some(nest) => nest.flat_schema(&schema),
                None => Ok(schema),
            };
        }
        let table = self.table.filter(|_| Nest::of(self.asset).is_none());
        let Some(table) = table else {
            return Err(Error::new(
                Kind::NotFound,
                format!("nothing tells the columns of {}: it has no row yet", self.asset.name),
            )
            .hint("declare them with their types under `columns:`, or run it first"));
        };
        let columns = names::read_columns(self.asset, table)?;
        declared_schema(Some(&columns)).ok_or_else(|| Error::bug("a table without columns"))
    }

    fn read_schema(&self, copy: &Copy) -> Result<ReadSchema> {
        names::read_schema(copy, self.row.schema.as_deref())
    }

    /// Records as the source handed them out.
    async fn records(&self, kept: Vec<SetAside>, read: &mut ReadAgain) -> Result<RecordBatch> {
        let Some(copy) = source_copy(self.asset) else {
            return Err(Error::new(
                Kind::Conflict,
                format!(
                    "what was set aside of {} are records of a source, and it reads none any more",
                    self.asset.name
                ),
            ));
        };
        let Opened { source, settings } = self.deps.sources.open(copy)?;
        let request = ReadRequest {
            schema: self.read_schema(copy)?,
            slice_columns: copy.slice.clone(),
            key: self.asset.write.key.clone(),
            ..ReadRequest::all_of(settings)
        };
        let record = |row: &SetAside| KeptRecord {
            raw: row.row.clone(),
            beside: row.beside.clone().unwrap_or(Value::Null),
        };
        let again = source
            .again(request, kept.iter().map(record).collect(), self.ctx)
            .await?;
        read.notes.extend(again.notes);
        read.rows.extend(again.rows.into_iter().map(|at| kept[at].clone()));
        let misfits = again.misfits.into_iter();
        read.misfits.extend(misfits.map(|(at, reason, path)| SetAside {
            reason,
            path,
            check: None,
            ..kept[at].clone()
        }));
        let schema = align::kept(&again.batch.schema())?;
        let batch = align::align(&again.batch, &schema)?;
        match Nest::of(self.asset) {
            Some(nest) => nest.flatten(&batch),
            None => Ok(batch),
        }
    }
}

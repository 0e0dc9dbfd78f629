//! Child tables: rows that lie ready are taken apart once nothing more is set aside, and the tables change with the asset's own.

use super::gather::Writer;
use super::group::{ChildRows, Group};
use super::known;
use super::land::{Lander, Meets, Piece};
use crate::commit::Sinks;
use crate::names::table_columns;
use crate::nest::Nest;
use arrow_schema::SchemaRef;
use futures::TryStreamExt;
use segue_core::commit::Role;
use segue_core::sink::{Change, Rows, Staged, Target};
use segue_core::source::Column;
use segue_core::{Error, Kind, Result, align};
use segue_diag::SCHEMA_CLASH;
use segue_spec::model::WriteMode;

/// The child tables' parts of a commit, and what of them needs none.
#[derive(Default)]
pub(super) struct Children {
    pub(super) pieces: Vec<Piece>,
    /// Rows that are there already.
    unneeded: Vec<(Target, Vec<Staged>)>,
}

impl Lander<'_> {
    /// Takes a group's rows apart: its own are staged anew without what is nested, and those of each child table for themselves.
    ///
    /// # Errors
    /// `BadData` for rows that cannot be taken apart; the sinks' own.
    pub(super) async fn take_apart(&mut self, group: &mut Group, meets: Meets) -> Result<()> {
        let Some(nest) = Nest::of(self.asset) else {
            return Ok(());
        };
        let known = self.row.schema.as_deref().filter(|_| meets == Meets::AsWritten);
        let Some(read) = self.read_columns(group, known)? else {
            return Ok(());
        };
        self.columns = Some(table_columns(&read)?);
        let flat = nest.flat_schema(&read)?;
        // A rebuilt history has columns of its own already.
        let flat = match &group.schema {
            Some(own) => common(self, &flat, own)?,
            None => flat,
        };
        let tells = matches!(self.asset.write.mode, WriteMode::Merge | WriteMode::DeleteInsert);
        let tell_childless = tells && meets == Meets::AsWritten;
        let own = known::own(self.row);
        let sink = self.deps.places.of(&own)?;
        let empty = nest.part(&arrow_array::RecordBatch::new_empty(flat.clone()), tell_childless)?;
        let own_schema = empty.own.schema();
        let lake = self.deps.places.lake.clone();
        let targets = empty.children.iter().map(|child| {
            let (target, schema) = (known::child(self.row, &child.path), child.rows.batch.schema());
            (child.path.clone(), target, schema)
        });
        let targets: Vec<(String, Target, SchemaRef)> = targets.collect();
        let mut staged = vec![Vec::new(); targets.len()];
        if !group.staged.is_empty() {
            let whole = std::mem::take(&mut group.staged);
            let mut rows = sink.staged(&own, &whole, self.ctx).await?.scan(None).await?;
            let mut mine = Writer::of_rows(&sink, &own, own_schema.clone(), self.ctx);
            let writers = targets
                .iter()
                .map(|(_, target, schema)| Writer::of_rows(&lake, target, schema.clone(), self.ctx));
            let mut theirs: Vec<Writer<Rows>> = writers.collect();
            while let Some(batch) = rows.try_next().await? {
                let parted = nest.part(&align::align(&batch, &flat)?, tell_childless)?;
                mine.push(plain(parted.own)).await?;
                for (writer, child) in theirs.iter_mut().zip(parted.children) {
                    writer.push(child.rows).await?;
                }
            }
            group.staged.push(mine.close().await?.0);
            for (writer, staged) in theirs.into_iter().zip(&mut staged) {
                staged.push(writer.close().await?.0);
            }
            self.discard(&sink, &own, &whole, None).await;
        }
        group.schema = Some(own_schema);
        let children = targets.into_iter().zip(staged);
        group.children = children
            .map(|((path, _, schema), staged)| ChildRows { path, schema, staged })
            .collect();
        Ok(())
    }

    /// The columns as they are read, of this group and before; `None` where nobody knows any.
    fn read_columns(&self, group: &Group, known: Option<&[Column]>) -> Result<Option<SchemaRef>> {
        let known = super::read::declared_schema(known);
        Ok(match (known, &group.columns) {
            (Some(known), Some(now)) => Some(common(self, &known, now)?),
            (known, now) => known.or_else(|| now.clone()),
        })
    }

    /// What becomes of the child tables where this happens to the own one.
    ///
    /// # Errors
    /// `BadData` where a child table cannot hold its old rows and the new ones together; the lake's own.
    pub(super) async fn children(&self, group: &Group, own: &Change, meets: Meets) -> Result<Children> {
        let mut children = Children::default();
        let Some(nest) = Nest::of(self.asset) else {
            return Ok(children);
        };
        let change = nest.change(own)?;
        for child in &group.children {
            let target = known::child(self.row, &child.path);
            let before = self.deps.places.lake.head(&target, self.ctx).await?.schema;
            let (change, schema) = match before {
                None => (Change::ReplaceTable, child.schema.clone()),
                Some(_) if change == Change::ReplaceTable => (change.clone(), child.schema.clone()),
                Some(before) => (change.clone(), common(self, &before, &child.schema)?),
            };
            self.child(target, change, schema, &child.staged, &mut children).await?;
        }
        if meets == Meets::Swap {
            let is_there = |path: &String| group.children.iter().any(|child| child.path == *path);
            for (path, target) in known::children(self.row) {
                if !is_there(&path) {
                    self.empty(target, Change::ReplaceTable, &mut children).await?;
                }
            }
        }
        Ok(children)
    }

    /// What becomes of the child tables where rows of the own one go by this change.
    ///
    /// # Errors
    /// Those of the lake.
    pub(super) async fn children_go(&self, own: &Change) -> Result<Vec<Piece>> {
        let mut children = Children::default();
        let Some(nest) = Nest::of(self.asset) else {
            return Ok(Vec::new());
        };
        for (_, target) in known::children(self.row) {
            self.empty(target, nest.change(own)?, &mut children).await?;
        }
        Ok(children.pieces)
    }

    /// The change without a row, of a table that is there.
    async fn empty(&self, target: Target, change: Change, children: &mut Children) -> Result<()> {
        match self.deps.places.lake.head(&target, self.ctx).await?.schema {
            Some(schema) => self.child(target, change, schema, &[], children).await,
            None => Ok(()),
        }
    }

    async fn child(
        &self,
        target: Target,
        change: Change,
        schema: SchemaRef,
        staged: &[Staged],
        children: &mut Children,
    ) -> Result<()> {
        let lake = &self.deps.places.lake;
        let worked = lake
            .work_out(&target, schema.clone(), &change, staged, &[], self.ctx)
            .await?;
        if worked.unchanged {
            self.discard(lake, &target, &[], Some(&worked.plan)).await;
            children.unneeded.push((target, staged.to_vec()));
            return Ok(());
        }
        children.pieces.push(Piece {
            role: Role::Child,
            target,
            change,
            schema,
            staged: staged.to_vec(),
            grains: Vec::new(),
            worked,
        });
        Ok(())
    }

    /// Removes child rows that are there already, now that the commit has landed or none is needed.
    pub(super) async fn forget_unneeded(&self, unneeded: Children) {
        for (target, staged) in unneeded.unneeded {
            self.discard(&self.deps.places.lake, &target, &staged, None).await;
        }
    }
}

fn plain(batch: arrow_array::RecordBatch) -> Rows {
    Rows { batch, deletes: None }
}

/// The schema that takes the rows of both.
fn common(lander: &Lander<'_>, before: &SchemaRef, coming: &SchemaRef) -> Result<SchemaRef> {
    align::common(before, coming).map_err(|e| {
        Error::new(
            Kind::BadData,
            format!(
                "the tables of {} cannot hold their old rows and the new ones together",
                lander.asset.name
            ),
        )
        .code(SCHEMA_CLASH)
        .hint("build it anew: segue run --rebuild")
        .caused_by(e)
    })
}

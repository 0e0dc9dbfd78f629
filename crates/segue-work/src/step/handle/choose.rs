//! Which rows of a quarantine are meant.

use super::Hand;
use crate::commit::Sinks;
use crate::step::aside::{self, SetAside};
use crate::step::gather::room;
use crate::step::known;
use futures::TryStreamExt;
use segue_core::commit::Role;
use segue_core::engine::{Query, TableKey};
use segue_core::{Error, Kind, Result};
use segue_diag::{ASIDE_CONDITION, ASIDE_NOTHING, ASIDE_TOO_MANY};
use std::collections::BTreeMap;

/// The most rows that are taken in hand at once: the commit names each of them.
const MOST_ROWS: usize = 50_000;

/// Which rows of a quarantine are meant; all of them where nothing is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chosen {
    /// Those whose reason holds this text.
    pub reason: Option<String>,
    /// Those that meet this condition, in SQL over the quarantine's columns.
    pub condition: Option<String>,
}

/// The error of an asset of which nothing was ever set aside.
pub fn nothing(asset: &str) -> Error {
    Error::new(Kind::NotFound, format!("nothing of {asset} was ever set aside"))
        .code(ASIDE_NOTHING)
        .hint("`segue quarantine list` shows what is")
}

impl Hand<'_> {
    /// The rows that are meant, in the order in which they were set aside.
    ///
    /// # Errors
    /// `NotFound` where nothing was ever set aside; `Invalid` for a condition that cannot be asked; `BadData` for more rows than are taken in
    /// hand at once.
    pub(super) async fn chosen(&self, chosen: &Chosen) -> Result<Vec<SetAside>> {
        let target = known::companion(self.row, Role::Quarantine);
        let sink = self.deps.places.of(&target)?;
        let head = sink.head(&target, self.ctx).await?;
        if head.schema.is_none() {
            return Err(nothing(&self.row.name.to_string()));
        }
        let there = sink.at(&target, head.version, self.ctx).await?;
        let key = TableKey::new("quarantine", self.row.name.to_string());
        let meets = match &chosen.condition {
            // On lines of its own: it may end in a comment.
            Some(condition) => format!("where (\n{condition}\n)"),
            None => String::new(),
        };
        let query = Query {
            sql: format!("select * from {key} {meets} order by \"at\", \"number\""),
            params: BTreeMap::new(),
            tables: BTreeMap::from([(key, there)]),
            timezone: self.deps.project.timezone.clone(),
        };
        let wrong = |error: Error| match (&chosen.condition, error.kind()) {
            (Some(condition), Kind::Invalid | Kind::NotFound) => Error::new(
                Kind::Invalid,
                "the condition cannot be asked",
            )
            .code(ASIDE_CONDITION)
            .with("condition", condition)
            .hint("write an SQL condition over the columns that `segue quarantine show` shows: \"check\" = 'positive'")
            .caused_by(error),
            _ => error,
        };
        let mut batches = self.deps.engine.run(&query, self.ctx).await.map_err(wrong)?.rows;
        let (mut rows, mut room) = (Vec::new(), room(self.ctx));
        while let Some(batch) = batches.try_next().await.map_err(wrong)? {
            for at in 0..batch.num_rows() {
                let row = aside::of(&batch, at)?;
                if chosen.reason.as_ref().is_some_and(|text| !row.reason.contains(text)) {
                    continue;
                }
                if rows.len() == MOST_ROWS || room.take(&row).is_err() {
                    return Err(too_many(&self.row.name.to_string(), rows.len()));
                }
                rows.push(row);
            }
        }
        Ok(rows)
    }
}

fn too_many(asset: &str, fit: usize) -> Error {
    Error::new(
        Kind::Invalid,
        format!("more rows of {asset} lie in quarantine than are taken in hand at once: {fit} of them fit"),
    )
    .code(ASIDE_TOO_MANY)
    .hint("choose some of them with --reason or --where, such as --where \"at < '2026-01-01'\"")
}

//! What a table was: the version that a commit left behind, the commit that a version holds, and an old version's rows as ones that lie
//! ready to come back.

use crate::guard::lies_there;
use crate::lake::Lake;
use crate::log;
use crate::plan::Plan;
use crate::read::location;
use crate::schema::columns;
use crate::staged::Place;
use segue_core::commit::CommitRecord;
use segue_core::sink::{Staged, Target};
use segue_core::{Error, Kind, Result};
use segue_diag::{LOG_GONE, VERSION_GONE};

impl Lake {
    /// The rows of this version as ones that lie ready: a [`segue_core::sink::Change::ReplaceTable`] with them, in that version's schema,
    /// makes the table what it was. They are its own files, which the change names again, and which are nobody's to discard.
    ///
    /// # Errors
    /// `NotFound` where there is no such version, or some of its files are gone.
    pub async fn lay_ready(&self, target: &Target, version: u64) -> Result<Staged> {
        let view = self.view_at(target, Some(version)).await?;
        let (store, name) = (self.store_of(&target.place), target.name.to_string());
        let files = view.files.to_vec();
        for file in &files {
            let there = lies_there(store.as_ref(), &location(&file.path), Some(file.size), &name).await;
            there.map_err(|e| match e.kind() {
                Kind::BadData => gone(target, version).caused_by(e),
                _ => e,
            })?;
        }
        Ok(Staged {
            rows: files.iter().filter_map(|f| f.row_count()).sum(),
            bytes: files.iter().map(|f| f.size).sum(),
            place: serde_json::to_value(Place {
                columns: columns(&segue_core::engine::Relation::schema(view.as_ref()))?,
                files,
                deletes: Vec::new(),
                version: Some(version),
            })
            .map_err(|e| Error::bug("a note of staged rows is not JSON").caused_by(e))?,
        })
    }

    /// How many files come and how many go by a plan of the lake.
    ///
    /// # Errors
    /// `Bug` for what is no such plan.
    pub fn files_of(plan: &serde_json::Value) -> Result<(usize, usize)> {
        let plan = Plan::from_json(plan)?;
        Ok((plan.adds.len(), plan.removes.len()))
    }

    /// The last of the asset's commits that this version holds; 0 for none.
    ///
    /// # Errors
    /// `NotFound` where there is no such version.
    pub async fn number_at(&self, target: &Target, version: u64) -> Result<u64> {
        self.view_at(target, Some(version)).await?;
        match self.load_version(target, Some(version)).await? {
            Some(table) => table.last(target.asset).await,
            None => Ok(0),
        }
    }

    /// The newest version of a table, a companion among them, that holds no commit of the asset above `n`; `None` where it was made later.
    ///
    /// # Errors
    /// `NotFound` where there is no table, or its log no longer reaches back.
    pub async fn version_as_of(&self, target: &Target, n: u64) -> Result<Option<u64>> {
        let table = self.present_table(target).await?;
        let mut found = Some(table.version());
        for version in (0..=table.version()).rev() {
            let Some(entry) = log::entry(table.log.as_ref(), version).await? else {
                let message = format!("version {version} of {} is no longer in its log", target.name);
                return Err(Error::new(Kind::NotFound, message).code(LOG_GONE));
            };
            match entry.number(target.asset) {
                Some(number) if number <= n => break,
                Some(_) => found = version.checked_sub(1),
                None => {}
            }
        }
        Ok(found)
    }

    /// The record of commit `n` of an own table, as it was claimed; `None` where it is gone.
    ///
    /// # Errors
    /// `BadData` for one that cannot be read.
    pub async fn record_of(&self, own: &Target, n: u64) -> Result<Option<CommitRecord>> {
        let record = self.claim_of(&own.place, n).await?;
        Ok(record.filter(|r| r.table == own.table && r.asset == own.asset))
    }
}

fn gone(target: &Target, version: u64) -> Error {
    let message = format!("files of version {version} of {} are gone", target.name);
    Error::new(Kind::NotFound, message).code(VERSION_GONE).hint(format!(
        "old versions are readable until their files are vacuumed; `segue lake history {}` lists the newer ones",
        target.name
    ))
}

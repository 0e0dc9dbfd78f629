//! Claims: one file a commit's number, beside the table, never removed. They say what each commit of a table was.

use crate::errors::storage;
use crate::lake::Lake;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use segue_core::commit::CommitRecord;
use segue_core::sink::{Claim, Target};
use segue_core::{Ctx, Error, Kind, Result, TableId};
use segue_diag::CLAIM_GONE;

/// The folder of the claims, below a table's.
pub(crate) const FOLDER: &str = "_segue/commits";

fn path_of(n: u64) -> Path {
    Path::from(format!("{FOLDER}/{n:020}.json"))
}

/// The number of a claim's file name.
pub(crate) fn number_of(path: &Path) -> Option<u64> {
    path.filename()?.strip_suffix(".json")?.parse().ok()
}

impl Lake {
    /// Claims the record's number. Durable when it returns, also where it was somebody else who wrote it.
    pub(crate) async fn claim_number(&self, record: &CommitRecord) -> Result<Claim> {
        let place = &record.own().target.place;
        let store = self.store_of(place);
        let create = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        let written = store
            .put_opts(&path_of(record.n), record.to_json().into(), create)
            .await;
        let Err(e) = written else {
            return Ok(Claim::Ours);
        };
        // An error may come after the file was written, and "exists" may be our own write of a moment ago: what is there decides.
        match self.claim_of(place, record.n).await? {
            Some(found) if found.id == record.id => {
                self.settle(place, &path_of(record.n)).await?;
                Ok(Claim::Ours)
            }
            Some(_) => Ok(Claim::Taken),
            None => Err(storage(
                e,
                format!("cannot claim number {} of {}", record.n, record.name),
            )),
        }
    }

    /// The record that claimed a number of the table at this place; `None` where nobody did.
    pub(crate) async fn claim_of(&self, place: &str, n: u64) -> Result<Option<CommitRecord>> {
        let doing = || format!("cannot read the record of commit {n} at {place}");
        let bytes = match self.store_of(place).get(&path_of(n)).await {
            Ok(found) => found.bytes().await.map_err(|e| storage(e, doing()))?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(storage(e, doing())),
        };
        let text = std::str::from_utf8(&bytes).map_err(|e| Error::new(Kind::BadData, doing()).caused_by(e))?;
        CommitRecord::from_json(text)
            .map(Some)
            .map_err(|e| e.code(CLAIM_GONE).with("number", n).with("place", place))
    }

    /// The highest number claimed beside this table; 0 for none.
    pub(crate) async fn highest_claim(&self, place: &str, above: u64) -> Result<u64> {
        let store = self.store_of(place);
        let claims = store.list_with_offset(Some(&Path::from(FOLDER)), &path_of(above));
        let numbers: Vec<u64> = claims
            .try_filter_map(|meta| async move { Ok(number_of(&meta.location)) })
            .try_collect()
            .await
            .map_err(|e| storage(e, format!("cannot list the commits at {place}")))?;
        Ok(numbers.into_iter().max().unwrap_or(0).max(above))
    }

    /// The records of the commits on a table, newest first, from `head` along the predecessors down to, and without, `until`.
    /// `own` is the place of the asset's own table, where the claims lie.
    pub(crate) async fn chain(&self, own: &str, table: TableId, head: u64, until: u64) -> Result<Vec<CommitRecord>> {
        let mut records = Vec::new();
        let mut n = head;
        while n > until {
            let gone = || {
                Error::new(Kind::BadData, format!("the record of commit {n} at {own} is gone"))
                    .code(CLAIM_GONE)
                    .hint("put the folder _segue back from a backup, or drop the asset and run it anew")
            };
            let record = self.claim_of(own, n).await?.ok_or_else(gone)?;
            let part = record.parts.iter().find(|p| p.target.table == table).ok_or_else(gone)?;
            if part.predecessor >= n {
                return Err(gone());
            }
            n = part.predecessor;
            records.push(record);
        }
        Ok(records)
    }

    /// The own tables of the lake that have commits: folders that hold claims, of which one stands in the table's log.
    pub(crate) async fn own_tables(&self, ctx: &Ctx) -> Result<Vec<Target>> {
        let mut tables = Vec::new();
        let mut folders = vec![Path::default()];
        while let Some(folder) = folders.pop() {
            ctx.go_on()?;
            let listed = self.files().list_with_delimiter(Some(&folder)).await;
            let listed = listed.map_err(|e| storage(e, format!("cannot list the lake at `{folder}`")))?;
            let names = listed.common_prefixes.iter().filter_map(|p| p.filename());
            let is_table = names.clone().any(|n| n == "_delta_log" || n == "_segue");
            if !is_table {
                folders.extend(listed.common_prefixes);
                continue;
            }
            if names.clone().any(|n| n == "_segue")
                && let Some(target) = self.own_table(folder.as_ref()).await?
            {
                tables.push(target);
            }
        }
        tables.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(tables)
    }

    /// The target of the newest landed claim in this folder.
    async fn own_table(&self, place: &str) -> Result<Option<Target>> {
        let highest = self.highest_claim(place, 0).await?;
        let Some(newest) = self.newest_readable(place, highest).await? else {
            return Ok(None);
        };
        let Some(table) = self.load(place, None, place).await? else {
            return Ok(None);
        };
        let landed = table.last(newest.asset).await?;
        Ok(self.claim_of(place, landed).await?.map(|r| r.own().target.clone()))
    }

    async fn newest_readable(&self, place: &str, highest: u64) -> Result<Option<CommitRecord>> {
        if highest == 0 {
            Ok(None)
        } else {
            self.claim_of(place, highest).await
        }
    }

    /// The id of the asset's commit `n` on this table, as far as this table alone tells.
    pub(crate) async fn id_of(&self, target: &Target, n: u64) -> Result<Option<segue_core::CommitId>> {
        let record = self.claim_of(&target.place, n).await?;
        Ok(record.filter(|r| r.asset == target.asset).map(|r| r.id))
    }
}

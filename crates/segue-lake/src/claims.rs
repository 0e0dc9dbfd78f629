//! Claims: one file a commit's number, beside the table, never removed. They say what each commit of a table was.

use crate::errors::storage;
use crate::file::DataFile;
use crate::lake::Lake;
use crate::log;
use crate::plan::Plan;
use crate::table::Table;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use segue_core::commit::CommitRecord;
use segue_core::sink::{Claim, Target};
use segue_core::{AssetId, CommitId, Ctx, Error, Footprint, Kind, Result, TableId};
use segue_diag::CLAIM_GONE;
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};

/// The folder of the claims, below a table's.
pub(crate) const FOLDER: &str = "_segue/commits";

/// Where companions lie, which have no claims of their own.
const COMPANIONS: [&str; 3] = ["quarantine/", "pages/", "children/"];

fn path_of(n: u64) -> Path {
    Path::from(format!("{FOLDER}/{n:020}.json"))
}

fn reading(place: &str, n: u64) -> String {
    format!("cannot read the record of commit {n} at {place}")
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
        let Some(bytes) = self.claim_bytes(place, n).await? else {
            return Ok(None);
        };
        let text =
            std::str::from_utf8(&bytes).map_err(|e| Error::new(Kind::BadData, reading(place, n)).caused_by(e))?;
        CommitRecord::from_json(text)
            .map(Some)
            .map_err(|e| e.code(CLAIM_GONE).with("number", n).with("place", place))
    }

    async fn claim_bytes(&self, place: &str, n: u64) -> Result<Option<Bytes>> {
        match self.store_of(place).get(&path_of(n)).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(|e| storage(e, reading(place, n)))?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(storage(e, reading(place, n))),
        }
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
            let record = self.link(own, table, n).await?;
            n = predecessor(&record, table);
            records.push(record);
        }
        Ok(records)
    }

    /// The records of all commits on an own table, newest first. Where an old one is lost, they end at the newest of those that hold the
    /// whole ledger: nothing before it is needed to know what is done.
    pub(crate) async fn chain_to_whole(&self, own: &str, table: TableId, head: u64) -> Result<Vec<CommitRecord>> {
        let mut records: Vec<CommitRecord> = Vec::new();
        let mut n = head;
        while n > 0 {
            let record = match self.link(own, table, n).await {
                Ok(record) => record,
                // A record of a later version of the program is not lost.
                Err(e) if e.error_code() == Some(CLAIM_GONE) && e.kind() == Kind::BadData => {
                    let Some(whole) = records.iter().position(|r| r.whole_ledger.is_some()) else {
                        return Err(e);
                    };
                    records.truncate(whole + 1);
                    break;
                }
                Err(e) => return Err(e),
            };
            n = predecessor(&record, table);
            records.push(record);
        }
        Ok(records)
    }

    /// The record of commit `n`, which is one of this table's.
    async fn link(&self, own: &str, table: TableId, n: u64) -> Result<CommitRecord> {
        let record = self.claim_of(own, n).await?;
        let links = |r: &CommitRecord| r.parts.iter().any(|p| p.target.table == table) && predecessor(r, table) < n;
        record.filter(links).ok_or_else(|| {
            Error::new(Kind::BadData, format!("the record of commit {n} at {own} is gone"))
                .code(CLAIM_GONE)
                .hint("put the folder _segue back from a backup, or drop the asset and run it anew")
        })
    }

    /// The own tables of the lake: folders that hold claims, or a table of ours whose claims are lost, which is an error among them.
    pub(crate) async fn own_tables(&self, ctx: &Ctx) -> Result<Vec<Result<Target>>> {
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
            if let Some(found) = self.own_table(folder.as_ref()).await.transpose() {
                tables.push((folder, found));
            }
        }
        tables.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(tables.into_iter().map(|(_, found)| found).collect())
    }

    /// Whose table this folder holds, as its newest readable claim of it says; `None` for a companion, or a table of somebody else.
    ///
    /// # Errors
    /// `BadData` for a table of ours without a readable claim.
    async fn own_table(&self, place: &str) -> Result<Option<Target>> {
        // A log that cannot be read is told by whoever reads the table, as long as its claims say whose it is.
        let (id, broken) = match self.load(place, None, place).await {
            Ok(table) => (table.and_then(|t| t.id()), None),
            Err(e) if e.kind().is_for_good() => (None, Some(e)),
            Err(e) => return Err(e),
        };
        let mut numbers = self.claims(place).await?;
        numbers.sort_unstable();
        for n in numbers.into_iter().rev() {
            match self.claim_of(place, n).await {
                Ok(Some(record)) if id.is_none_or(|id| id == record.table) => {
                    return Ok(Some(record.own().target.clone()));
                }
                Ok(_) => {}
                Err(e) if e.kind().is_for_good() => {}
                Err(e) => return Err(e),
            }
        }
        let is_companion = COMPANIONS.iter().any(|folder| place.starts_with(folder));
        match broken {
            _ if is_companion => Ok(None),
            Some(broken) => Err(broken),
            None if id.is_none() => Ok(None),
            None => Err(Error::new(
                Kind::BadData,
                format!("nothing beside the table at {place} says whose it is and what was done"),
            )
            .code(CLAIM_GONE)
            .hint("put its folder _segue back from a backup; or move the table away, and its asset is made anew")),
        }
    }

    async fn claims(&self, place: &str) -> Result<Vec<u64>> {
        let listed = self.store_of(place).list(Some(&Path::from(FOLDER)));
        let numbers = listed.try_filter_map(|meta| async move { Ok(number_of(&meta.location)) });
        let doing = |e| storage(e, format!("cannot list the commits at {place}"));
        numbers.try_collect().await.map_err(doing)
    }

    /// The id of the asset's commit `n` on this table, as far as this table alone tells.
    pub(crate) async fn id_of(&self, target: &Target, n: u64) -> Result<Option<CommitId>> {
        /// What a record begins with: the rest, which may be long, is passed over.
        #[derive(Deserialize)]
        struct Named {
            format: u32,
            id: CommitId,
            asset: AssetId,
        }
        let Some(bytes) = self.claim_bytes(&target.place, n).await? else {
            return Ok(None);
        };
        match serde_json::from_slice::<Named>(&bytes) {
            Ok(named) if named.format <= CommitRecord::FORMAT => Ok((named.asset == target.asset).then_some(named.id)),
            // Why it cannot be read is said by who reads all of it.
            _ => Ok(self.claim_of(&target.place, n).await?.map(|r| r.id)),
        }
    }
}

/// The commit that the record follows on this table.
fn predecessor(record: &CommitRecord, table: TableId) -> u64 {
    let part = record.parts.iter().find(|p| p.target.table == table);
    part.map_or(0, |p| p.predecessor)
}

/// A claim tells a change as it was first worked out. Where the table moved before it landed, other files came and went than it names, and
/// what readers would go by is not known any more. As far back as the log tells; before, versions are not known at all.
pub(crate) async fn as_they_landed(table: &Table, asset: AssetId, records: &mut [CommitRecord]) -> Result<()> {
    let mut by_number: HashMap<u64, &mut CommitRecord> = records.iter_mut().map(|r| (r.n, r)).collect();
    for version in (0..=table.version()).rev() {
        let entry = match log::entry(table.log.as_ref(), version).await {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(e) if e.kind().is_transient() => return Err(e),
            Err(_) => break,
        };
        if let Some(record) = entry.number(asset).and_then(|n| by_number.remove(&n))
            && !is_as_claimed(record, &entry)
        {
            record.footprint = Footprint::Everything;
        }
    }
    Ok(())
}

fn is_as_claimed(record: &CommitRecord, entry: &log::Entry) -> bool {
    let Ok(plan) = Plan::from_json(&record.own().plan) else {
        return false;
    };
    let named = |files: Vec<DataFile>| files.into_iter().map(|f| f.path).collect::<BTreeSet<_>>();
    let logged = |paths: &[String]| {
        let decoded = paths
            .iter()
            .map(|p| Path::from_url_path(p).map_or_else(|_| p.clone(), |p| p.to_string()));
        decoded.collect::<BTreeSet<_>>()
    };
    named(plan.adds) == logged(&entry.adds) && named(plan.removes) == logged(&entry.removes)
}

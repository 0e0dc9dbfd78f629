//! What is done: per asset, which ranges and slices, by which definition, as of which commit.

use crate::error::failed;
use crate::leases;
use crate::store::Store;
use crate::values::{Columns, bounds, range};
use jiff::Timestamp;
use segue_core::fault::{Boundary, reach};
use segue_core::state::Lease;
use segue_core::{AssetId, Entry, Labels, LedgerChange, Outcome, Result, Span, Spans};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one insert: with 12 columns far below the most parameters that a statement takes.
const ROWS_AT_ONCE: usize = 1000;
const COLUMNS: &str =
    "asset, labels, range_from, range_to, outcome, n, data_hash, values_hash, inputs, source, read_at, kept";

impl Store {
    /// What is done of the asset, by labels and range.
    pub async fn ledger(&self, asset: AssetId) -> Result<Vec<Entry>> {
        let rows = sqlx::query("select * from ledger where asset = $1 order by labels, range_from")
            .bind(asset.to_string())
            .fetch_all(self.reader())
            .await
            .map_err(failed("read the ledger"))?;
        rows.iter().map(entry_row).collect()
    }

    /// Changes the ledger without a commit: closed slices, reads that found nothing new where nothing was known, what is to be forgotten.
    ///
    /// # Errors
    /// `Conflict` when the lease is another's now.
    pub async fn enter(&self, lease: &Lease, change: &LedgerChange) -> Result<()> {
        let doing = "change the ledger";
        let mut tx = self.write(doing).await?;
        leases::check(&mut tx, lease).await?;
        apply(&mut tx, lease.asset, change).await?;
        tx.commit().await?;
        reach(Boundary::Entered);
        Ok(())
    }

    /// Writes down that these parts were read again and are as they were: they are as young as that read, and nothing else changes.
    /// Parts that the ledger does not have are left out.
    ///
    /// # Errors
    /// `Conflict` when the lease is another's now.
    pub async fn touch(&self, lease: &Lease, parts: &[(Option<Span>, Labels)], read_at: Timestamp) -> Result<()> {
        let doing = "change the ledger";
        let mut tx = self.write(doing).await?;
        leases::check(&mut tx, lease).await?;
        let mut wanted: BTreeMap<String, Vec<Option<Span>>> = BTreeMap::new();
        for (span, labels) in parts {
            wanted.entry(labels.key()).or_default().push(*span);
        }
        let known = entries_of(&mut tx, lease.asset, wanted.keys()).await?;
        let after = touched(known.clone(), &wanted, read_at);
        rewrite(&mut tx, lease.asset, known, after).await?;
        tx.commit().await?;
        reach(Boundary::Entered);
        Ok(())
    }
}

/// Applies the change within a transaction; reads only the entries that it can touch.
pub(crate) async fn apply(tx: &mut SqliteConnection, asset: AssetId, change: &LedgerChange) -> Result<()> {
    if change.drop_all {
        sqlx::query("delete from ledger where asset = $1")
            .bind(asset.to_string())
            .execute(&mut *tx)
            .await
            .map_err(failed("change the ledger"))?;
        let after = change.apply(Vec::new());
        return insert(tx, asset, &after).await;
    }
    let labels: BTreeSet<String> = change
        .drop_labels
        .iter()
        .chain(change.add.iter().map(|e| &e.labels))
        .map(Labels::key)
        .collect();
    let mut known = entries_of(tx, asset, labels.iter()).await?;
    if let (Some(first), Some(last)) = (
        change.drop_ranges.as_slice().first(),
        change.drop_ranges.as_slice().last(),
    ) {
        let rows = sqlx::query("select * from ledger where asset = $1 and range_from < $3 and range_to > $2")
            .bind(asset.to_string())
            .bind(first.from)
            .bind(last.to)
            .fetch_all(&mut *tx)
            .await
            .map_err(failed("read the ledger"))?;
        for row in &rows {
            let entry = entry_row(row)?;
            if entry.range.is_some() && !labels.contains(&entry.labels.key()) {
                known.push(entry);
            }
        }
    }
    let after = change.apply(known.clone());
    rewrite(tx, asset, known, after).await
}

/// The entries with their touched stretches cut out and made as young as the read.
fn touched(known: Vec<Entry>, wanted: &BTreeMap<String, Vec<Option<Span>>>, read_at: Timestamp) -> Vec<Entry> {
    let mut after = Vec::with_capacity(known.len());
    for entry in known {
        let parts = wanted.get(&entry.labels.key()).map_or(&[][..], Vec::as_slice);
        let Some(whole) = entry.range else {
            let read_at = if parts.contains(&None) { read_at } else { entry.read_at };
            after.push(Entry { read_at, ..entry });
            continue;
        };
        let read = Spans::of(parts.iter().flatten().copied()).intersection(&Spans::of([whole]));
        let rest = Spans::of([whole]).minus(&read);
        for span in rest.as_slice() {
            after.push(Entry {
                range: Some(*span),
                ..entry.clone()
            });
        }
        for span in read.as_slice() {
            after.push(Entry {
                range: Some(*span),
                read_at,
                ..entry.clone()
            });
        }
    }
    // A change of nothing joins neighbours.
    LedgerChange::default().apply(after)
}

async fn entries_of(
    tx: &mut SqliteConnection,
    asset: AssetId,
    labels: impl Iterator<Item = &String>,
) -> Result<Vec<Entry>> {
    let labels: Vec<&String> = labels.collect();
    let mut found = Vec::new();
    for some in labels.chunks(10_000) {
        let mut query = QueryBuilder::<Sqlite>::new("select * from ledger where asset = ");
        query.push_bind(asset.to_string()).push(" and labels in (");
        let mut list = query.separated(", ");
        for key in some {
            list.push_bind(key.as_str());
        }
        query.push(")");
        let rows = query
            .build()
            .persistent(false)
            .fetch_all(&mut *tx)
            .await
            .map_err(failed("read the ledger"))?;
        for row in &rows {
            found.push(entry_row(row)?);
        }
    }
    Ok(found)
}

/// Writes the difference between what is there and what should be.
async fn rewrite(tx: &mut SqliteConnection, asset: AssetId, known: Vec<Entry>, after: Vec<Entry>) -> Result<()> {
    type Part = (String, (i64, i64));
    let by_part = |entries: Vec<Entry>| {
        let mut map: BTreeMap<Part, Vec<Entry>> = BTreeMap::new();
        for entry in entries {
            map.entry((entry.labels.key(), bounds(entry.range)))
                .or_default()
                .push(entry);
        }
        map
    };
    let (known, after) = (by_part(known), by_part(after));
    for (part, entries) in &known {
        if after.get(part) == Some(entries) {
            continue;
        }
        let (labels, (from, to)) = part;
        sqlx::query("delete from ledger where asset = $1 and labels = $2 and range_from = $3 and range_to = $4")
            .bind(asset.to_string())
            .bind(labels)
            .bind(*from)
            .bind(*to)
            .execute(&mut *tx)
            .await
            .map_err(failed("change the ledger"))?;
    }
    let new: Vec<Entry> = after
        .into_iter()
        .filter(|(part, entries)| known.get(part) != Some(entries))
        .flat_map(|(_, entries)| entries)
        .collect();
    insert(tx, asset, &new).await
}

pub(crate) async fn insert(tx: &mut SqliteConnection, asset: AssetId, entries: &[Entry]) -> Result<()> {
    for some in entries.chunks(ROWS_AT_ONCE) {
        let mut query = QueryBuilder::<Sqlite>::new(format!("insert into ledger ({COLUMNS}) "));
        query.push_values(some, |mut row, entry| {
            let (from, to) = bounds(entry.range);
            row.push_bind(asset.to_string())
                .push_bind(entry.labels.key())
                .push_bind(from)
                .push_bind(to)
                .push_bind(outcome_name(entry.outcome))
                .push_bind(entry.n as i64)
                .push_bind(entry.data_hash.as_str())
                .push_bind(entry.values_hash.as_str())
                .push_bind(inputs_text(entry))
                .push_bind(entry.source.as_deref())
                .push_bind(entry.read_at.as_microsecond())
                .push_bind(i64::from(entry.kept));
        });
        query
            .build()
            .persistent(false)
            .execute(&mut *tx)
            .await
            .map_err(failed("change the ledger"))?;
    }
    Ok(())
}

fn inputs_text(entry: &Entry) -> Option<String> {
    (!entry.inputs.is_empty()).then(|| serde_json::json!(entry.inputs).to_string())
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Closed => "closed",
    }
}

fn entry_row(row: &SqliteRow) -> Result<Entry> {
    let c = Columns(row);
    Ok(Entry {
        range: range(c.get("range_from")?, c.get("range_to")?),
        labels: Labels::from_key(c.get("labels")?)?,
        outcome: match c.get("outcome")? {
            "done" => Outcome::Done,
            "closed" => Outcome::Closed,
            other => return Err(crate::error::damaged("how a part ended", other)),
        },
        n: c.number("n")?,
        data_hash: c.get("data_hash")?,
        values_hash: c.get("values_hash")?,
        inputs: match c.get::<Option<&str>>("inputs")? {
            None => BTreeMap::new(),
            Some(text) => serde_json::from_str(text).map_err(|_| crate::error::damaged("an entry's inputs", text))?,
        },
        source: c.get("source")?,
        read_at: c.instant("read_at")?,
        kept: c.get::<i64>("kept")? != 0,
    })
}

#[cfg(test)]
mod tests;

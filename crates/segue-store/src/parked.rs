//! Slices that wait: what may go on later, and from when.

use crate::error::failed;
use crate::store::Store;
use crate::values::Columns;
use jiff::Timestamp;
use segue_core::fault::{Boundary, reach};
use segue_core::{AssetId, Labels, Result};
use sqlx::{QueryBuilder, Sqlite};

/// A slice that was put off.
#[derive(Clone, Debug, PartialEq)]
pub struct Parked {
    /// Which.
    pub labels: Labels,
    /// From when it may go on; `None`: at the next run.
    pub until: Option<Timestamp>,
    /// The key of the block that covered it, if one did: without that block nothing keeps it from going on.
    pub block: Option<String>,
    /// Why, for people.
    pub reason: String,
    /// How often it was tried since it was last done.
    pub attempts: u32,
}

impl Store {
    /// Puts these slices off; one that was parked already is parked as said here.
    pub async fn park(&self, asset: AssetId, slices: &[Parked]) -> Result<()> {
        let doing = "park slices";
        let mut tx = self.write(doing).await?;
        for some in slices.chunks(1000) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "insert into parked (asset, labels, until, block, reason, attempts, parked_at) ",
            );
            query.push_values(some, |mut row, slice| {
                row.push_bind(asset.to_string())
                    .push_bind(slice.labels.key())
                    .push_bind(slice.until.map(|t| t.as_microsecond()))
                    .push_bind(slice.block.as_deref())
                    .push_bind(slice.reason.as_str())
                    .push_bind(i64::from(slice.attempts))
                    .push_bind(self.now_us());
            });
            query.push(
                " on conflict (asset, labels) do update set until = excluded.until, block = excluded.block, reason = excluded.reason,
                  attempts = excluded.attempts, parked_at = excluded.parked_at",
            );
            query
                .build()
                .persistent(false)
                .execute(&mut *tx)
                .await
                .map_err(failed(doing))?;
        }
        tx.commit().await?;
        reach(Boundary::Parked);
        Ok(())
    }

    /// What is parked of the asset, by labels.
    pub async fn parked(&self, asset: AssetId) -> Result<Vec<Parked>> {
        let rows = sqlx::query("select * from parked where asset = $1 order by labels")
            .bind(asset.to_string())
            .fetch_all(self.reader())
            .await
            .map_err(failed("read what is parked"))?;
        rows.iter()
            .map(|row| {
                let c = Columns(row);
                Ok(Parked {
                    labels: Labels::from_key(c.get("labels")?)?,
                    until: c.maybe_instant("until")?,
                    block: c.get("block")?,
                    reason: c.get("reason")?,
                    attempts: c.number("attempts")?.try_into().unwrap_or(u32::MAX),
                })
            })
            .collect()
    }

    /// These slices no longer wait: they are done, closed or no longer listed. Those that were not parked are no error.
    pub async fn unpark(&self, asset: AssetId, slices: &[Labels]) -> Result<()> {
        let doing = "unpark slices";
        let mut tx = self.write(doing).await?;
        for some in slices.chunks(10_000) {
            let mut query = QueryBuilder::<Sqlite>::new("delete from parked where asset = ");
            query.push_bind(asset.to_string()).push(" and labels in (");
            let mut list = query.separated(", ");
            for labels in some {
                list.push_bind(labels.key());
            }
            query.push(")");
            query
                .build()
                .persistent(false)
                .execute(&mut *tx)
                .await
                .map_err(failed(doing))?;
        }
        tx.commit().await
    }
}

#[cfg(test)]
mod tests;

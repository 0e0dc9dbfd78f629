//! What ran long ago, and what of it may go.

use crate::error::failed;
use crate::store::Store;
use jiff::Timestamp;
use segue_core::Result;

/// Runs that one call forgets at most: what is left over is the next one's.
const MOST: i64 = 1000;

impl Store {
    /// Forgets runs that ended before this, the oldest first, with their steps and what was said; how many went. The last run that
    /// did not skip an asset stays, and one that has no end. What is done, and the commits that did it, are remembered elsewhere and stay.
    pub async fn forget_runs(&self, before: Timestamp) -> Result<usize> {
        let doing = "forget what ran long ago";
        let old: Vec<String> = sqlx::query_scalar(
            "select id from runs where ended_at < $1 and id not in (
                select run from steps join (
                    select coalesce(asset, name) as of, max(started_at) as last from steps
                    where outcome is null or outcome <> 'skipped' group by coalesce(asset, name)) newest
                    on newest.of = coalesce(steps.asset, steps.name) and newest.last = steps.started_at)
             order by started_at limit $2",
        )
        .bind(before.as_microsecond())
        .bind(MOST)
        .fetch_all(self.reader())
        .await
        .map_err(failed(doing))?;
        if old.is_empty() {
            return Ok(0);
        }
        let mut tx = self.write(doing).await?;
        for run in &old {
            for sql in [
                "delete from logs where run = $1",
                "delete from steps where run = $1",
                "delete from runs where id = $1",
            ] {
                sqlx::query(sql)
                    .bind(run)
                    .execute(&mut *tx)
                    .await
                    .map_err(failed(doing))?;
            }
        }
        tx.commit().await?;
        Ok(old.len())
    }
}

//! Secrets that outlast a process: each has one holder at a time, of all processes of the environment.

use crate::error::failed;
use crate::store::Store;
use crate::values::{Columns, instant};
use async_trait::async_trait;
use segue_core::notes::{Claimed, Notes};
use segue_core::{Result, Secret};
use std::time::Duration;

#[async_trait]
impl Notes for Store {
    async fn claim(&self, key: &str, holder: &str, time: Duration) -> Result<Claimed> {
        let doing = "claim a note";
        let mut tx = self.write(doing).await?;
        let row = sqlx::query("select value, holder, until from notes where key = $1")
            .bind(key)
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed(doing))?;
        let now = self.now_us();
        let mut value = None;
        if let Some(row) = &row {
            let row = Columns(row);
            let (held_by, until): (Option<String>, Option<i64>) = (row.get("holder")?, row.get("until")?);
            if let (Some(other), Some(until)) = (held_by, until)
                && other != holder
                && until > now
            {
                return instant(until).map(Claimed::Until);
            }
            value = row.get::<Option<String>>("value")?.map(Secret::new);
        }
        let until = now.saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX));
        sqlx::query(
            "insert into notes (key, holder, until) values ($1, $2, $3)
             on conflict (key) do update set holder = $2, until = $3",
        )
        .bind(key)
        .bind(holder)
        .bind(until)
        .execute(&mut *tx)
        .await
        .map_err(failed(doing))?;
        tx.commit().await?;
        Ok(Claimed::Ours(value))
    }

    async fn keep(&self, key: &str, holder: &str, value: &Secret) -> Result<bool> {
        let doing = "keep a note";
        let mut tx = self.write(doing).await?;
        let kept =
            sqlx::query("update notes set value = $3, holder = null, until = null where key = $1 and holder = $2")
                .bind(key)
                .bind(holder)
                .bind(value.reveal())
                .execute(&mut *tx)
                .await
                .map_err(failed(doing))?;
        tx.commit().await?;
        Ok(kept.rows_affected() > 0)
    }

    async fn release(&self, key: &str, holder: &str) -> Result<()> {
        let doing = "give a note back";
        let mut tx = self.write(doing).await?;
        sqlx::query("update notes set holder = null, until = null where key = $1 and holder = $2")
            .bind(key)
            .bind(holder)
            .execute(&mut *tx)
            .await
            .map_err(failed(doing))?;
        tx.commit().await
    }
}

#[cfg(test)]
mod tests;

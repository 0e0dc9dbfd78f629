//! Rates and blocks, shared by all processes of the environment.
//!
//! Reservations of a key are numbered without gaps, and the instants of the last ones are kept. The place with number s may be used once
//! the window since place s - count has passed: so no window of that length ever holds more than `count`, wherever it begins.

use crate::error::failed;
use crate::store::Store;
use crate::values::{Columns, instant};
use async_trait::async_trait;
use jiff::Timestamp;
use segue_core::fault::{Boundary, reach};
use segue_core::gate::{Block, Gate, Rate, is_key_of};
use segue_core::{Error, Kind, Result};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite};
use std::collections::BTreeMap;

#[async_trait]
impl Gate for Store {
    async fn reserve(&self, key: &str, rate: Rate, want: u32) -> Result<Vec<Timestamp>> {
        let doing = "reserve a place in a rate";
        let count = i64::from(rate.count);
        if count == 0 {
            return Err(Error::new(
                Kind::Invalid,
                format!("the rate of `{key}` lets nothing pass"),
            ));
        }
        let mut tx = self.write(doing).await?;
        let bounds = sqlx::query("select min(seq) as oldest, max(seq) as newest from places where key = $1")
            .bind(key)
            .fetch_one(&mut *tx)
            .await
            .map_err(failed(doing))?;
        let (oldest, newest): (Option<i64>, Option<i64>) =
            (Columns(&bounds).get("oldest")?, Columns(&bounds).get("newest")?);
        let next = newest.map_or(0, |n| n + 1);
        let wanted = i64::from(want.max(1));
        // What decides about the new places: those that stand `count` before them, the newest one, and the oldest that is kept.
        let rows = sqlx::query(
            "select seq, at from places where key = $1 and (seq between $2 and $3 or seq = $4 or seq = $5)",
        )
        .bind(key)
        .bind(next - count)
        .bind(next - count + wanted - 1)
        .bind(newest)
        .bind(oldest)
        .fetch_all(&mut *tx)
        .await
        .map_err(failed(doing))?;
        let mut at = BTreeMap::new();
        for row in &rows {
            at.insert(Columns(row).get::<i64>("seq")?, Columns(row).get::<i64>("at")?);
        }
        let places = places(&mut at, next, wanted, rate, self.now_us());

        // Only the last `count` can decide about later ones.
        let kept = wanted.min(count);
        let mut query = QueryBuilder::<Sqlite>::new("insert into places (key, seq, at) ");
        let first_kept = next + wanted - kept;
        query.push_values(&places[(wanted - kept) as usize..], {
            let mut seq = first_kept;
            move |mut row, place| {
                row.push_bind(key).push_bind(seq).push_bind(*place);
                seq += 1;
            }
        });
        query.build().execute(&mut *tx).await.map_err(failed(doing))?;
        sqlx::query("delete from places where key = $1 and seq < $2")
            .bind(key)
            .bind(next + wanted - count)
            .execute(&mut *tx)
            .await
            .map_err(failed(doing))?;
        tx.commit().await?;
        reach(Boundary::RateReserved);
        places.into_iter().map(instant).collect()
    }

    async fn blocked(&self, keys: &[String]) -> Result<Option<Block>> {
        if keys.is_empty() {
            return Ok(None);
        }
        let mut query = QueryBuilder::<Sqlite>::new("select key, until, reason from blocks where until > ");
        query.push_bind(self.now_us()).push(" and key in (");
        let mut list = query.separated(", ");
        for key in keys {
            list.push_bind(key.as_str());
        }
        query.push(") order by until desc limit 1");
        let row = query
            .build()
            .fetch_optional(self.reader())
            .await
            .map_err(failed("read the blocks"))?;
        row.as_ref().map(block).transpose()
    }

    async fn block(&self, block: Block) -> Result<()> {
        let doing = "block a connection";
        let mut tx = self.write(doing).await?;
        sqlx::query(
            "insert into blocks (key, until, reason) values ($1, $2, $3)
             on conflict (key) do update set until = $2, reason = $3 where blocks.until < $2",
        )
        .bind(&block.key)
        // Rounded up: what is blocked until a moment is not asked before it.
        .bind(micros_up(block.until).min(Timestamp::MAX.as_second() * 1_000_000))
        .bind(&block.reason)
        .execute(&mut *tx)
        .await
        .map_err(failed(doing))?;
        tx.commit().await?;
        reach(Boundary::Blocked);
        Ok(())
    }
}

const HOLDING: &str = "select key, until, reason from blocks where until > $1 order by key";

fn block(row: &SqliteRow) -> Result<Block> {
    Ok(Block {
        key: Columns(row).get("key")?,
        until: Columns(row).instant("until")?,
        reason: Columns(row).get("reason")?,
    })
}

impl Store {
    /// What is blocked now, by key.
    pub async fn blocks(&self) -> Result<Vec<Block>> {
        let rows = sqlx::query(HOLDING)
            .bind(self.now_us())
            .fetch_all(self.reader())
            .await
            .map_err(failed("read the blocks"))?;
        rows.iter().map(block).collect()
    }

    /// Lifts every block of what has this identity: its own and those of its parts. Gives those that held.
    pub async fn unblock(&self, identity: &str) -> Result<Vec<Block>> {
        let doing = "lift the blocks of a connection";
        let mut tx = self.write(doing).await?;
        let rows = sqlx::query(HOLDING)
            .bind(self.now_us())
            .fetch_all(&mut *tx)
            .await
            .map_err(failed(doing))?;
        let blocks: Vec<Block> = rows.iter().map(block).collect::<Result<_>>()?;
        let lifted: Vec<Block> = blocks.into_iter().filter(|b| is_key_of(&b.key, identity)).collect();
        for block in &lifted {
            sqlx::query("delete from blocks where key = $1")
                .bind(&block.key)
                .execute(&mut *tx)
                .await
                .map_err(failed(doing))?;
        }
        tx.commit().await?;
        Ok(lifted)
    }
}

/// The instants of `wanted` places from number `next` on, given those of earlier ones by their numbers. `at` has the newest and, of those
/// that stand `count` before a new one, all that are kept; where such a one is no longer kept (the count was lower before), the oldest
/// that is kept came later, and is taken for it.
fn places(at: &mut BTreeMap<i64, i64>, next: i64, wanted: i64, rate: Rate, now: i64) -> Vec<i64> {
    let count = i64::from(rate.count);
    // One more, because a window that begins exactly with the earlier one still holds its other end.
    let window = i64::try_from(rate.window.as_nanos().div_ceil(1000)).unwrap_or(i64::MAX / 4) + 1;
    let oldest = at.first_key_value().map(|(_, at)| *at);
    // A clock that jumped back must not hand out an instant before the last one: the rule counts places in their order.
    let mut last = at.last_key_value().map_or(i64::MIN, |(_, at)| *at);
    let mut given = Vec::new();
    for seq in next..next + wanted {
        let before = if seq < count {
            None
        } else {
            at.get(&(seq - count)).copied().or(oldest)
        };
        let place = before.map_or(i64::MIN, |b| b.saturating_add(window)).max(now).max(last);
        at.insert(seq, place);
        given.push(place);
        last = place;
    }
    given
}

fn micros_up(t: Timestamp) -> i64 {
    // Divided downwards and negated twice is divided upwards; also the last instant there is fits.
    i64::try_from(-(-t.as_nanosecond()).div_euclid(1000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;

//! A first read by ranges of the primary key: where it is cut off, the next one goes on behind what was committed.
//!
//! A read sees one moment, as every read does. After a cut the table is of two: the rows up to a key are of the first moment, those behind it
//! of the second. So the position stays that of the first, with a mark ([`Unfinished`]), and the read that goes on ends by catching up: of the rows up
//! to that key it takes those whose transactions had not ended then. With them the table is of one moment again, and the mark is gone.

use super::super::errors::failed;
use super::super::place::{literal, quoted};
use super::super::table::Relation;
use super::{Piece, Position, UNFINISHED, found, lost, written};
use segue_core::source::{ReadSchema, Unfinished};
use segue_core::{Error, Kind, Result};
use segue_diag as codes;
use tokio_postgres::Client;

/// How much of a table is a part, in bytes: so much is read again after a cut, at most, by each connection.
const PART: u64 = if cfg!(test) { 1 << 20 } else { 32 << 20 };

/// How many blocks of a part are looked at for the keys at which parts end.
const SAMPLED_BLOCKS: u64 = 64;

/// The bytes of a block, as servers are built.
const BLOCK: u64 = 8 << 10;

/// The primary key by which a table is read.
pub(super) struct Key {
    /// Its columns, by their names there, in its order.
    places: Vec<String>,
    /// Their types, as SQL writes them.
    types: Vec<String>,
}

impl Key {
    /// The table's primary key, if it is the one by which the rows are merged.
    ///
    /// # Errors
    /// `Unsupported` where it is not.
    pub async fn merged_by(client: &Client, there: &Relation, schema: &ReadSchema, by: &[String]) -> Result<Key> {
        let key = Key::of(client, there).await?;
        let merged: Option<Vec<_>> = by.iter().map(|name| found(there, schema, name)).collect();
        let is_the_same = merged.is_some_and(|merged| {
            merged.len() == key.places.len() && merged.iter().all(|column| key.places.contains(&column.place))
        });
        match is_the_same {
            true => Ok(key),
            false if key.places.is_empty() => Err(unsupported(&format!("{} has no primary key", there.name))),
            false => Err(unsupported(&format!(
                "the primary key of {} is ({}), and rows are merged by ({})",
                there.name,
                key.places.join(", "),
                by.join(", ")
            ))),
        }
    }

    /// The key of a read that was cut off, if it is the table's still.
    ///
    /// # Errors
    /// `Conflict` where it is not: nothing tells then which rows were read.
    pub async fn again(client: &Client, there: &Relation, unfinished: &Unfinished) -> Result<Key> {
        let key = Key::of(client, there).await?;
        match key.places == unfinished.key && key.types == unfinished.types {
            true => Ok(key),
            false => Err(lost(format!(
                "the first read of {} was cut off, and its primary key is another now",
                there.name
            ))),
        }
    }

    async fn of(client: &Client, there: &Relation) -> Result<Key> {
        let rows = client
            .query(
                "select a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod)
                 from pg_index i cross join lateral pg_catalog.unnest(i.indkey::int2[]) with ordinality as k(num, at)
                     join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.num
                 where i.indrelid = $1 and i.indisprimary and k.at <= i.indnkeyatts order by k.at",
                &[&there.oid.unwrap_or(0)],
            )
            .await
            .map_err(failed(&format!("look at the key of {}", there.name)))?;
        let (places, types) = rows.iter().map(|row| (row.get(0), row.get(1))).unzip();
        Ok(Key { places, types })
    }

    /// The parts in which the table is read, behind this key where one is given.
    ///
    /// They end at keys that some blocks of the table hold. Each is read by an index, and all of them together, so that none lies between two.
    pub async fn parts(&self, client: &Client, there: &Relation, after: Option<&[String]>) -> Result<Parts> {
        let doing = format!("look for the parts of {}", there.name);
        let size = client
            .query_one(
                "with recursive every(oid) as (
                     select $1::oid union select i.inhrelid from pg_inherits i join every e on i.inhparent = e.oid)
                 select coalesce(sum(pg_catalog.pg_table_size(oid)), 0)::int8 from every",
                &[&there.oid.unwrap_or(0)],
            )
            .await
            .map_err(failed(&doing))?;
        let many = u64::try_from(size.get::<_, i64>(0)).unwrap_or(0).div_ceil(PART).max(1);
        let ends = match many {
            1 => Vec::new(),
            _ => {
                let rows = client.query(&self.ends(there, many, after), &[]).await;
                let rows = rows.map_err(failed(&doing))?;
                rows.iter().map(|row| row.get(0)).collect()
            }
        };
        let left = ends.len() as u64 + 1;
        Ok(Parts {
            ends,
            all: many.max(left),
            read: many.saturating_sub(left),
        })
    }

    /// The statement that finds the keys at which parts end.
    fn ends(&self, there: &Relation, many: u64, after: Option<&[String]>) -> String {
        let percent = (SAMPLED_BLOCKS * BLOCK * 100) as f64 / PART as f64;
        let each = |of: &dyn Fn(usize) -> String| (0..self.places.len()).map(of).collect::<Vec<_>>().join(", ");
        let named = each(&|at| format!("{} as k{at}", quoted(&self.places[at])));
        let texts = each(&|at| format!("k{at}::text"));
        let last_first = each(&|at| format!("k{at} desc"));
        let names = each(&|at| format!("k{at}"));
        let ahead = after.map_or("true".into(), |after| format!("({names}) > {}", self.literal(after)));
        format!(
            "select key from (
                 select distinct on (part) part, array[{texts}] as key, {ahead} as is_ahead from (
                     select {named}, ntile({many}) over (order by {}) as part from {} tablesample system ({}) repeatable (0)
                 ) sampled order by part, {last_first}
             ) ends where is_ahead and part < {many} order by part",
            self.row_names(),
            there.from,
            percent.min(100.0),
        )
    }

    fn row_names(&self) -> String {
        let names: Vec<String> = self.places.iter().map(|place| quoted(place)).collect();
        names.join(", ")
    }

    /// The key's values as SQL takes them, each of its own type.
    fn literal(&self, values: &[String]) -> String {
        let each = values.iter().zip(&self.types);
        let each: Vec<String> = each.map(|(value, of)| format!("{}::{of}", literal(value))).collect();
        format!("({})", each.join(", "))
    }

    /// The condition that a row stands behind this key.
    fn behind(&self, values: &[String]) -> String {
        format!("({}) > {}", self.row_names(), self.literal(values))
    }

    /// The condition that a row stands before this key, or has it.
    fn up_to(&self, values: &[String]) -> String {
        format!("({}) <= {}", self.row_names(), self.literal(values))
    }
}

/// How a table is cut into parts.
pub(super) struct Parts {
    /// The keys up to which all parts but the last go.
    ends: Vec<Vec<String>>,
    /// How many parts the whole table has, about.
    all: u64,
    /// How many of them lie before these, about.
    read: u64,
}

/// A read by ranges of the key.
pub(super) struct Keyed {
    pub key: Key,
    /// What is left to read by ranges; `None` where only what changed is.
    pub parts: Option<Parts>,
    /// Up to where an earlier read came that was cut off; `None` for a read that begins.
    pub before: Option<Unfinished>,
    /// Whether what was read may be committed before the end.
    pub may_count: bool,
}

impl Keyed {
    /// The pieces of the read: the parts that are left, and for a read that goes on, the rows of before that are others now.
    ///
    /// `there` is which rows the moment of this read holds, `since` which of them the first moment did not; `first` is its position.
    pub fn pieces(&self, there: &str, since: Option<&str>, first: &Position) -> Result<Vec<Piece>> {
        let after = self.before.as_ref().and_then(|before| before.after.as_deref());
        let mut pieces = Vec::new();
        if let Some(parts) = &self.parts {
            let starts = std::iter::once(after).chain(parts.ends.iter().map(|end| Some(end.as_slice())));
            let ends = parts.ends.iter().map(Some).chain([None]);
            for (at, (start, end)) in starts.zip(ends).enumerate() {
                let bounds = start.map(|start| self.key.behind(start));
                let bounds = bounds.into_iter().chain(end.map(|end| self.key.up_to(end)));
                let conditions: Vec<String> = bounds.chain([there.to_string()]).collect();
                let unfinished = Unfinished {
                    key: self.key.places.clone(),
                    types: self.key.types.clone(),
                    after: end.cloned(),
                    parts_read: parts.read + at as u64 + 1,
                    parts: parts.all,
                };
                pieces.push(Piece {
                    condition: Some(conditions.join(" and ")),
                    // All of a read that begins is of its moment: nothing is owed behind its last part.
                    reached: match self.may_count && (end.is_some() || self.before.is_some()) {
                        true => Some(written(&Position {
                            version: UNFINISHED,
                            unfinished: Some(unfinished),
                            ..first.clone()
                        })?),
                        false => None,
                    },
                });
            }
        }
        if let Some(since) = since {
            let up_to = after.map(|after| self.key.up_to(after));
            let conditions: Vec<String> = up_to.into_iter().chain([since.to_string()]).collect();
            pieces.push(Piece {
                condition: Some(conditions.join(" and ")),
                reached: None,
            });
        }
        Ok(pieces)
    }
}

fn unsupported(why: &str) -> Error {
    Error::new(
        Kind::Unsupported,
        format!("a first read cannot go on by the key after a cut: {why}"),
    )
    .code(codes::POSTGRES_RESUME)
    .hint("merge by the table's primary key (`write: { mode: merge, key: [...] }`), or leave `resume: key` out")
}

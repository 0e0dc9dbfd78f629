//! Reading kept pages instead of asking: a mapping that alone changed costs no request.

use super::group::{End, Fetched, Group};
use super::page::{self, Page, Picked};
use super::paginate::{Next, Paging};
use super::read::Reading;
use super::template::Extra;
use crate::http::Answer;
use crate::json::find::Found;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use segue_core::{Batches, Error, Kind, Result, Slice};
use std::collections::{HashMap, HashSet};
use url::Url;

/// Kept pages, read as they come: of each slice the newest read alone, its pages in their order and beside each other. One page is held
/// at a time, and a slice whose pages do not tell it in full gets no end: whoever asked for the replay asks the source for it.
pub struct Replay {
    pages: Batches,
    by_key: HashMap<String, usize>,
    done: HashSet<usize>,
}

/// A kept page.
struct Kept {
    slices: String,
    hash: String,
    number: u64,
    last: bool,
    answer: Answer,
}

/// The slices whose pages come now.
struct Current {
    slices: String,
    hash: String,
    url: Url,
    /// The page that must come next.
    next: u64,
    group: Group,
    picked: Picked,
    paging: Paging,
}

impl Replay {
    /// Of these pages, for these slices.
    pub fn new(pages: Batches, slices: &[Slice]) -> Replay {
        let by_key = slices.iter().enumerate().map(|(i, s)| (s.labels.key(), i)).collect();
        Replay {
            pages,
            by_key,
            done: HashSet::new(),
        }
    }

    /// Reads every slice whose pages are complete and answer the same request of the same source.
    ///
    /// # Errors
    /// `BadData` when what is kept has another shape; what stops a read.
    pub async fn run(mut self, reading: &Reading) -> Result<()> {
        let mut current: Option<Current> = None;
        while let Some(batch) = self.pages.next().await {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                reading.ctx.go_on()?;
                let Some(kept) = kept(&batch, row, reading)? else {
                    continue;
                };
                let mut whose = match kept.number {
                    0 => self.begin(&kept, reading),
                    _ => current.take(),
                };
                // What cannot be read from what was kept is asked for.
                if let Some(reads) = &mut whose
                    && self.take(reads, kept, reading).await?
                {
                    current = whose;
                } else {
                    current = None;
                }
            }
        }
        Ok(())
    }

    /// The slices of a first page, if all of them are wanted and would be asked for like this today. Where one of them is no longer wanted,
    /// whether the request is the same cannot be told.
    fn begin(&self, kept: &Kept, reading: &Reading) -> Option<Current> {
        let keys: Vec<String> = serde_json::from_str(&kept.slices).ok()?;
        let members: Vec<usize> = keys.iter().filter_map(|k| self.by_key.get(k).copied()).collect();
        if !reading.plan.may_be_replayed()
            || members.is_empty()
            || members.len() != keys.len()
            || members.iter().any(|m| self.done.contains(m))
        {
            return None;
        }
        let wanted: Vec<&Slice> = members.iter().map(|i| &reading.slices[*i]).collect();
        let settings = reading.http.settings();
        let called = reading
            .plan
            .call(&settings.base_url, &settings.identity, &wanted, &Extra::default());
        let (call, asked) = called.ok()?;
        (reading.plan.request_hash(&call, &asked) == kept.hash).then(|| Current {
            slices: kept.slices.clone(),
            hash: kept.hash.clone(),
            next: 0,
            group: Group::new(members),
            picked: Picked::default(),
            paging: reading.plan.paginator.start(asked),
            url: call.url,
        })
    }

    /// Takes the next page of these slices in, and says how they ended if it is the last. Whether more of them is to come.
    async fn take(&mut self, current: &mut Current, kept: Kept, reading: &Reading) -> Result<bool> {
        if (&current.slices, &current.hash, current.next) != (&kept.slices, &kept.hash, kept.number) {
            return Ok(false);
        }
        current.next += 1;
        let (end, found) = match reading.meaning(&reading.plan, &kept.answer) {
            Ok(None) => match page::find_records(&reading.plan, &kept.answer.body) {
                Ok(found) => (None, found),
                Err(_) => return Ok(false),
            },
            Ok(Some(end @ (End::Complete | End::Closed(_) | End::Aside(_)))) if kept.last => {
                (Some(end), Found::default())
            }
            _ => return Ok(false),
        };
        // A pick that had enough left the pages behind it unread: with another condition it may want them.
        let is_picked = reading.plan.pick.is_some() && end.is_none();
        let follows = match (is_picked, !reading.plan.is_followed_by_what_is_kept()) {
            // What headers said was not kept, and of a large answer which of its parts was the last.
            (true, true) if kept.last => Ok(Next::More),
            (true, _) => current
                .paging
                .advance(&reading.plan.paginator, &current.url, &kept.answer, &found),
            (false, _) => Ok(Next::End),
        };
        let page = Page {
            answer: kept.answer,
            found,
        };
        current.group.end = end;
        let fetched = Fetched {
            page,
            number: kept.number,
            last: kept.last,
            kept: true,
            url: current.url.clone(),
            hash: kept.hash,
            extra: Extra::default(),
            end: None,
            short: None,
        };
        let is_over = reading
            .take_in(&mut current.group, fetched, &mut current.picked)
            .await?;
        if !is_over {
            return Ok(true);
        }
        let is_whole = reading.has_enough(&current.picked) || !matches!(follows, Ok(Next::More) | Err(_));
        if is_whole || matches!(current.group.end, Some(End::Failed(_))) {
            self.done.extend(&current.group.slices);
            let picked = std::mem::take(&mut current.picked);
            reading.conclude(&mut current.group, picked).await?;
        }
        Ok(false)
    }
}

/// A row of kept pages, if it is of this source.
fn kept(batch: &RecordBatch, row: usize, reading: &Reading) -> Result<Option<Kept>> {
    let wrong = |name: &str| Error::new(Kind::BadData, format!("kept pages lack the column `{name}`"));
    let column = |name: &str| batch.column_by_name(name).cloned().ok_or_else(|| wrong(name));
    let text = |name: &str| -> Result<String> {
        let column = column(name)?;
        let texts = column.as_string_opt::<i32>().ok_or_else(|| wrong(name))?;
        Ok(texts.value(row).to_string())
    };
    if text("source")? != reading.http.settings().identity {
        return Ok(None);
    }
    let number = column("page")?
        .as_primitive_opt::<Int64Type>()
        .ok_or_else(|| wrong("page"))?
        .value(row);
    let last = column("last")?
        .as_boolean_opt()
        .ok_or_else(|| wrong("last"))?
        .value(row);
    let status = column("status")?
        .as_primitive_opt::<Int32Type>()
        .ok_or_else(|| wrong("status"))?
        .value(row);
    let body = column("body")?;
    let body = Bytes::copy_from_slice(body.as_binary_opt::<i32>().ok_or_else(|| wrong("body"))?.value(row));
    let asked_at = column("asked_at")?;
    let asked_at = asked_at
        .as_primitive_opt::<TimestampMicrosecondType>()
        .filter(|a| !a.is_null(row))
        .map(|a| a.value(row));
    let asked_at = asked_at
        .and_then(|us| Timestamp::from_microsecond(us).ok())
        .ok_or_else(|| wrong("asked_at"))?;
    let answer = Answer {
        status: u16::try_from(status).unwrap_or(0),
        headers: Default::default(),
        body,
        file: None,
        asked_at,
        retry_after: None,
    };
    Ok(Some(Kept {
        slices: text("slices")?,
        hash: text("request_hash")?,
        number: number.max(0) as u64,
        last,
        answer,
    }))
}

//! Reading kept pages instead of asking: a mapping that alone changed costs no request.

use super::group::{Fetched, Group};
use super::page::{self, Page};
use super::read::Reading;
use crate::http::Answer;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use segue_core::{Batches, Error, Kind, Result, Slice};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// Kept pages, taken in as they come. The caller hands in one reading of each slice: the newest.
pub struct Replay {
    pages: Batches,
    by_key: HashMap<String, usize>,
    done: HashSet<usize>,
    /// The pages of slices that are not all there yet: by slices and request.
    waiting: HashMap<(String, String), BTreeMap<u64, Kept>>,
}

struct Kept {
    last: bool,
    answer: Answer,
}

impl Replay {
    /// Of these pages, for these slices.
    pub fn new(pages: Batches, slices: &[Slice]) -> Replay {
        let by_key = slices.iter().enumerate().map(|(i, s)| (s.labels.key(), i)).collect();
        Replay {
            pages,
            by_key,
            done: HashSet::new(),
            waiting: HashMap::new(),
        }
    }

    /// Reads every slice whose pages are complete and answer the same request of the same source. The slices that remain, in order.
    ///
    /// # Errors
    /// `BadData` when what is kept has another shape; what stops a read.
    pub async fn run(mut self, reading: &Reading) -> Result<Vec<usize>> {
        while let Some(batch) = self.pages.next().await {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                reading.ctx.go_on()?;
                if let Some((key, hash)) = self.keep(&batch, row, reading)? {
                    self.read_if_complete(&key, &hash, reading).await?;
                }
            }
        }
        Ok((0..reading.slices.len()).filter(|i| !self.done.contains(i)).collect())
    }

    /// Takes one page in, if it is of this source.
    fn keep(&mut self, batch: &RecordBatch, row: usize, reading: &Reading) -> Result<Option<(String, String)>> {
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
            body,
            asked_at,
            retry_after: None,
        };
        let key = (text("slices")?, text("request_hash")?);
        let pages = self.waiting.entry(key.clone()).or_default();
        pages.insert(number.max(0) as u64, Kept { last, answer });
        Ok(Some(key))
    }

    async fn read_if_complete(&mut self, slices: &str, hash: &str, reading: &Reading) -> Result<()> {
        let key = (slices.to_string(), hash.to_string());
        let Some(pages) = self.waiting.get(&key) else {
            return Ok(());
        };
        let complete = pages.keys().copied().eq(0..pages.len() as u64) && pages.values().last().is_some_and(|p| p.last);
        if !complete {
            return Ok(());
        }
        let Some(pages) = self.waiting.remove(&key) else {
            return Ok(());
        };
        let keys: Vec<String> = serde_json::from_str(slices).unwrap_or_default();
        let members: Vec<usize> = keys.iter().filter_map(|k| self.by_key.get(k).copied()).collect();
        // Where one of the slices is no longer wanted, whether the request is the same cannot be told.
        if members.is_empty() || members.len() != keys.len() || members.iter().any(|m| self.done.contains(m)) {
            return Ok(());
        }
        let wanted: Vec<&Slice> = members.iter().map(|i| &reading.slices[*i]).collect();
        let settings = reading.http.settings();
        let Ok(call) = reading.plan.call(&settings.base_url, &settings.identity, &wanted) else {
            return Ok(());
        };
        if reading.plan.request_hash(&call) != hash {
            return Ok(());
        }
        let mut held = VecDeque::new();
        for (number, kept) in pages {
            // What cannot be read from what was kept is asked for.
            let Ok(found) = page::find_records(&reading.plan, &kept.answer.body) else {
                return Ok(());
            };
            let page = Page {
                answer: kept.answer,
                found,
            };
            held.push_back(Fetched {
                page,
                number,
                last: kept.last,
                kept: true,
                url: call.url.clone(),
                hash: hash.to_string(),
            });
        }
        self.done.extend(&members);
        reading.read_group(&mut Group::kept(members, held)).await
    }
}

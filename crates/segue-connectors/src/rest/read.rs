//! Reading: slices shared out to a few workers, each going from page to page, with one bounded stream behind them all.

use super::group::{End, Fetched, Group};
use super::page::{self, Decoding, PageRows, Picked};
use super::plan::Plan;
use super::replay::Replay;
use super::route::route;
use super::schema::{PAGES, RECORDS, SharedSchema};
use super::template::{Templates, Words, scalar};
use crate::http::{Http, Line};
use crate::json::decode::Layout;
use crate::json::infer;
use arrow_schema::SchemaRef;
use futures::stream::{self, BoxStream, StreamExt};
use parking_lot::Mutex;
use segue_core::source::{Read, ReadRequest, Rejected};
use segue_core::{Ctx, Error, Kind, Result, Slice, Type, align};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// After so many requests in a row that ran out of tries, the rest is parked unasked: the server is down.
const DOWN: u32 = 10;

/// The columns are found out from no more requests than this, whatever comes of them: they are sent one by one.
const LOOKS: usize = 2 * PAGES;

/// The slices that nobody reads yet: those of which the first pages are there, and behind them the others, as no more than their numbers.
struct Queue {
    ahead: VecDeque<Group>,
    unread: Range<usize>,
    /// How many share a request.
    size: usize,
}

impl Queue {
    fn pop(&mut self) -> Option<Group> {
        self.ahead.pop_front().or_else(|| self.unread())
    }

    fn unread(&mut self) -> Option<Group> {
        let slices: Vec<usize> = self.unread.by_ref().take(self.size).collect();
        (!slices.is_empty()).then(|| Group::new(slices))
    }
}

/// Everything that the workers of one read share.
pub struct Reading {
    pub(super) http: Arc<Http>,
    pub(super) line: Line,
    pub(super) plan: Plan,
    pub(super) slices: Vec<Slice>,
    pub(super) ctx: Ctx,
    slice_columns: Vec<String>,
    keep_pages: bool,
    limit: Option<u64>,
    schema: SharedSchema,
    values: Templates,
    out: mpsc::Sender<Result<Read>>,
    rows: AtomicU64,
    stopped: AtomicBool,
    pub(super) down: AtomicU32,
    dropped: AtomicU64,
    nulls: AtomicU64,
    warned: AtomicBool,
}

/// Starts reading.
///
/// # Errors
/// `Invalid` for a copy that cannot be read.
pub fn read(http: Arc<Http>, mut request: ReadRequest, ctx: &Ctx) -> Result<BoxStream<'static, Result<Read>>> {
    let plan = Plan::new(&request)?;
    let schema = SharedSchema::new(&request.schema, &plan, labels(&request))?;
    let values =
        Templates::new(&plan.copy.request)?.with_columns(request.schema.columns.as_deref().unwrap_or_default())?;
    let workers = http.settings().concurrency.max(1);
    let (out, results) = mpsc::channel(2 * workers);
    let widens = schema.may_change();
    let replay = request.replay.take().map(|pages| Replay::new(pages, &request.slices));
    let stop = ctx.cancel.child_token();
    let ctx = Ctx {
        cancel: stop.clone(),
        ..ctx.clone()
    };
    let meter = ctx.meter.clone();
    let reading = Arc::new(Reading {
        line: http.line()?,
        http,
        plan,
        slices: request.slices,
        ctx,
        slice_columns: request.slice_columns,
        keep_pages: request.keep_pages,
        limit: request.limit,
        schema,
        values,
        out,
        rows: AtomicU64::new(0),
        stopped: AtomicBool::new(false),
        down: AtomicU32::new(0),
        dropped: AtomicU64::new(0),
        nulls: AtomicU64::new(0),
        warned: AtomicBool::new(false),
    });
    // A thread of its own: what the sockets cost is done there as well, and counts as the step's, like decoding.
    let task = tokio::task::spawn_blocking(move || meter.measured(|| reading.on_this_thread(workers, replay)));
    Ok(outlet(results, task, stop, widens))
}

/// The columns of the slices' labels, with the types of the first slice's. Where slices share requests, records must say whose they are.
fn labels(request: &ReadRequest) -> Vec<(String, Type)> {
    let first = request.slices.first().filter(|_| request.batch.is_none());
    let typed = |name: &String| Some((name.clone(), infer::seen(&first?.labels.get(name)?.to_string())?.0));
    request.slice_columns.iter().filter_map(typed).collect()
}

/// The workers' results as one stream; dropping it stops them. Where columns may be added, no batch has fewer than the one before.
fn outlet(
    results: mpsc::Receiver<Result<Read>>,
    task: JoinHandle<Result<()>>,
    stop: CancellationToken,
    widens: bool,
) -> BoxStream<'static, Result<Read>> {
    let state = (results, Some(task), stop.drop_guard(), None::<SchemaRef>);
    stream::unfold(state, move |(mut results, mut task, stop, mut widest)| async move {
        let next = match results.recv().await {
            Some(Ok(Read::Rows { slice, batch })) if widens => {
                widen(&mut widest, batch).map(|batch| Read::Rows { slice, batch })
            }
            Some(next) => next,
            None => match task.take()?.await {
                Ok(Ok(())) => return None,
                Ok(Err(error)) => Err(error),
                Err(e) => Err(Error::bug("a read did not finish").caused_by(e)),
            },
        };
        Some((next, (results, task, stop, widest)))
    })
    .boxed()
}

fn widen(widest: &mut Option<SchemaRef>, batch: arrow_array::RecordBatch) -> Result<arrow_array::RecordBatch> {
    let schema = match widest.take() {
        Some(known) if *known == *batch.schema() => known,
        Some(known) => align::common(&known, &batch.schema())?,
        None => batch.schema(),
    };
    *widest = Some(schema.clone());
    if *schema == *batch.schema() {
        Ok(batch)
    } else {
        align::align(&batch, &schema)
    }
}

impl Reading {
    /// Reads everything; the results go to the reader, and what ends the read early comes back.
    fn on_this_thread(self: Arc<Reading>, workers: usize, replay: Option<Replay>) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Error::new(Kind::Unavailable, "cannot start to read").caused_by(e))?;
        let ctx = self.ctx.clone();
        runtime.block_on(ctx.or_cancelled(self.all(workers, replay)))
    }

    async fn all(self: Arc<Reading>, workers: usize, replay: Option<Replay>) -> Result<()> {
        if let Some(replay) = replay {
            replay.run(&self).await?;
            return self.say_what_was_left_out().await;
        }
        let mut queue = Queue {
            ahead: VecDeque::new(),
            unread: 0..self.slices.len(),
            size: self.plan.batch.as_ref().map_or(1, |b| b.size.max(1)),
        };
        if !self.schema.is_known() {
            self.look_ahead(&mut queue).await?;
        }
        let workers = workers.min(queue.ahead.len() + queue.unread.len());
        let queue = Arc::new(Mutex::new(queue));
        let mut tasks = JoinSet::new();
        for _ in 0..workers {
            let (reading, queue) = (self.clone(), queue.clone());
            tasks.spawn(async move {
                loop {
                    let next = queue.lock().pop();
                    let Some(mut group) = next else { return Ok(()) };
                    if reading.stopped.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                    reading.read_group(&mut group).await?;
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(|e| Error::bug("a worker of a read did not finish").caused_by(e))??;
        }
        self.say_what_was_left_out().await
    }

    /// Fetches the first pages without decoding them, to find out the columns.
    async fn look_ahead(&self, queue: &mut Queue) -> Result<()> {
        let (mut asked, mut pages, mut records) = (0, 0, 0);
        let enough = |asked, pages, records| asked >= LOOKS || pages >= PAGES || records >= RECORDS;
        while !enough(asked, pages, records) {
            let Some(mut group) = queue.unread() else { break };
            while !enough(asked, pages, records) {
                asked += 1;
                let Some(fetched) = self.fetch(&mut group).await? else {
                    break;
                };
                pages += 1;
                records += fetched.page.found.records.len();
                let last = fetched.last;
                group.held.push_back(fetched);
                if last {
                    break;
                }
            }
            queue.ahead.push_back(group);
        }
        let held: Vec<&page::Page> = queue
            .ahead
            .iter()
            .flat_map(|g| g.held.iter().map(|f| &f.page))
            .collect();
        if records > 0 {
            self.schema.layout(&held)?;
        }
        Ok(())
    }

    /// Reads the slices of one group to their end.
    async fn read_group(&self, group: &mut Group) -> Result<()> {
        let mut picked = Picked::default();
        loop {
            if self.stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
            let fetched = match group.held.pop_front() {
                Some(held) => Some(held),
                None if group.end.is_some() => None,
                None => self.fetch(group).await?,
            };
            let Some(fetched) = fetched else { break };
            if self.take_in(group, fetched, &mut picked).await? {
                break;
            }
        }
        self.leave(group).await?;
        self.conclude(group, picked).await
    }

    /// Takes one page of a group in. Whether no other is wanted.
    pub(super) async fn take_in(&self, group: &mut Group, fetched: Fetched, picked: &mut Picked) -> Result<bool> {
        let failure = match self.take(group, &fetched, picked).await {
            Err(error) if error.kind() == Kind::Cancelled || error.error_code() == Some(segue_diag::SCHEMA_FROZEN) => {
                return Err(error);
            }
            taken => taken,
        };
        let (failure, is_old) = match failure {
            Ok(is_old) => (None, is_old),
            Err(error) => (Some(error), false),
        };
        let is_over = fetched.last || is_old || self.has_enough(picked);
        let short = fetched.short.as_ref().filter(|_| !is_old && !self.has_enough(picked));
        if self.keep_pages && !fetched.kept {
            // One that is short is not the last: nobody may take what is kept for the whole.
            let is_last = is_over && short.is_none() && self.plan.may_be_replayed();
            self.send(Read::Page {
                slices: group.slices.clone(),
                batch: fetched.to_batch(self, group, is_last)?,
            })
            .await?;
        }
        if let Some(error) = failure {
            group.end = Some(End::Failed(error));
            return Ok(true);
        }
        if is_over {
            group.held.clear();
            group.end.get_or_insert(End::Complete);
        }
        if let Some(why) = short {
            group.held.clear();
            group.end = Some(End::short(why));
            return Ok(true);
        }
        Ok(is_over)
    }

    /// Whether the slice has picked all that it wants.
    pub(super) fn has_enough(&self, picked: &Picked) -> bool {
        let pick = self.plan.pick.as_ref();
        pick.is_some_and(|(pick, _)| picked.taken >= pick.first)
    }

    /// Says how the slices of a group ended whose pages are all taken in.
    pub(super) async fn conclude(&self, group: &mut Group, picked: Picked) -> Result<()> {
        if self.stopped.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.nothing_picked(group, picked).await?;
        self.end(group).await
    }

    /// Decodes a page and hands its rows out. Whether all that follows is older than what was read before.
    async fn take(&self, group: &Group, fetched: &Fetched, picked: &mut Picked) -> Result<bool> {
        if fetched.page.found.records.is_empty() {
            return Ok(false);
        }
        let members: Vec<&Slice> = group.slices.iter().map(|i| &self.slices[*i]).collect();
        let extra = fetched.extra.with("answer", fetched.page.words());
        let words = Words::new(&members, self.plan.batch.as_ref(), &self.plan.common, &extra);
        let mut values = self.values.values(&words)?;
        let mut layout = self.schema.layout(&[&fetched.page])?;
        if let (true, [slice]) = (self.schema.may_change(), group.slices.as_slice()) {
            let columns = layout.columns().iter().enumerate().filter(|(_, c)| c.value.is_none());
            let labels = &self.slices[*slice].labels;
            values.extend(columns.filter_map(|(i, c)| Some((i, scalar(labels.get(&c.name)?)))));
        }
        let mut rows = loop {
            match page::decode(&self.plan, &layout, &fetched.page, &values, &words, picked)? {
                Decoding::Widen(columns) => layout = self.schema.widen(&layout, columns)?,
                Decoding::Rows(rows) => break rows,
            }
        };
        *picked = std::mem::take(&mut rows.picked);
        self.dropped.fetch_add(rows.dropped, Ordering::Relaxed);
        self.nulls.fetch_add(rows.nulls, Ordering::Relaxed);
        let mut is_old = false;
        if let Some(onward) = &self.plan.onward {
            let is_new = onward.new_rows(&rows.batch)?;
            is_old = rows.batch.num_rows() > 0 && is_new.true_count() == 0;
            rows.keep(&is_new)?;
        }
        self.hand_out(group, fetched, &layout, rows).await?;
        self.warn_of_a_full_page(fetched).await?;
        Ok(is_old && self.plan.copy.newest_first)
    }

    async fn hand_out(&self, group: &Group, fetched: &Fetched, layout: &Layout, rows: PageRows) -> Result<()> {
        let body = &fetched.page.answer.body;
        let count = rows.batch.num_rows() as u64 + rows.rejected.len() as u64;
        self.ctx.meter.rows_in.fetch_add(count, Ordering::Relaxed);
        let shared = route(&group.slices, &self.slices, &self.slice_columns, layout, rows, body)?;
        for (slice, mut rows) in shared.rejected {
            rows.iter_mut().for_each(|row| self.redact(row));
            self.send(Read::Rejected { slice, rows }).await?;
        }
        for (slice, batch) in shared.rows {
            let before = self.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
            let room = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(before));
            let taken = (batch.num_rows() as u64).min(room) as usize;
            if taken > 0 {
                self.send(Read::Rows {
                    slice,
                    batch: batch.slice(0, taken),
                })
                .await?;
            }
            if self
                .limit
                .is_some_and(|limit| before + batch.num_rows() as u64 >= limit)
            {
                self.stopped.store(true, Ordering::Relaxed);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes out the connection's secrets: some servers send back what they were asked with.
    fn redact(&self, row: &mut Rejected) {
        let redactor = self.http.redactor();
        let clean = redactor.text(&row.raw);
        // What was taken out of it is not to come into the table as `***`, and what stood beside it is written down as it is.
        let told = row.beside.as_ref().map(ToString::to_string).unwrap_or_default();
        if clean != row.raw || redactor.text(&told) != told {
            row.beside = None;
        }
        row.raw = clean;
        row.reason = redactor.text(&row.reason);
    }

    /// A slice of whose records none was picked.
    async fn nothing_picked(&self, group: &mut Group, picked: Picked) -> Result<()> {
        use super::copy::PickNone;
        let (Some((pick, _)), Some(End::Complete)) = (&self.plan.pick, &group.end) else {
            return Ok(());
        };
        if picked.taken > 0 || pick.none == PickNone::Ignore {
            return Ok(());
        }
        let reason = match picked.looked_at {
            0 => "there are no records to pick from".to_string(),
            n => format!("none of {n} records meets `{}`", pick.condition),
        };
        if pick.none == PickNone::Fail {
            let error = Error::new(Kind::NotFound, reason).code(segue_diag::REST_PICK_NONE);
            group.end = Some(End::Failed(
                error.hint("say `none: quarantine` to set the candidates aside"),
            ));
            return Ok(());
        }
        let raw = format!("[{}]", picked.candidates);
        let mut row = Rejected {
            reason,
            path: None,
            raw,
            beside: None,
        };
        self.redact(&mut row);
        self.send(Read::Rejected {
            slice: group.slices.first().copied(),
            rows: vec![row],
        })
        .await
    }

    /// Says how the group's slices ended.
    async fn end(&self, group: &mut Group) -> Result<()> {
        let end = group.end.take().unwrap_or(End::Complete);
        if matches!(end, End::Complete | End::Aside(_))
            && let Some(position) = self.plan.onward.as_ref().and_then(|onward| onward.reached())
        {
            self.send(Read::Position(position)).await?;
        }
        for (i, slice) in group.slices.iter().copied().enumerate() {
            let read = match &end {
                End::Complete => Read::Done { slice },
                End::Aside(row) => {
                    if i == 0 {
                        let whose = (group.slices.len() == 1).then_some(slice);
                        self.send(Read::Rejected {
                            slice: whose,
                            rows: vec![(**row).clone()],
                        })
                        .await?;
                    }
                    Read::Done { slice }
                }
                End::Closed(reason) => Read::Closed {
                    slice,
                    reason: reason.clone(),
                },
                End::Parked(parked) => Read::Parked {
                    slice,
                    until: parked.until,
                    block: parked.block.clone(),
                    reason: parked.reason.clone(),
                },
                End::Failed(error) => Read::Failed {
                    slice,
                    error: error.again(),
                },
            };
            self.send(read).await?;
        }
        Ok(())
    }

    /// Silent partial data is worse than a needless warning.
    async fn warn_of_a_full_page(&self, fetched: &Fetched) -> Result<()> {
        if self.plan.pick.is_some() || self.plan.batch.is_some() || !self.plan.paginator.is_single() {
            return Ok(());
        }
        let Some(why) = super::group::looks_partial(fetched) else {
            return Ok(());
        };
        if self.warned.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        self.send(Read::Note(format!(
            "there may be more than one page: {why}, and the copy says no `paginate`"
        )))
        .await
    }

    async fn say_what_was_left_out(&self) -> Result<()> {
        let (dropped, nulls) = (self.dropped.load(Ordering::Relaxed), self.nulls.load(Ordering::Relaxed));
        if dropped > 0 {
            self.send(Read::Note(format!(
                "{dropped} values were left out, as `drop_value` says"
            )))
            .await?;
        }
        if nulls > 0 {
            self.send(Read::Note(format!(
                "{nulls} records were null: the source had nothing there"
            )))
            .await?;
        }
        Ok(())
    }

    pub(super) async fn send(&self, read: Read) -> Result<()> {
        segue_core::meter::settle_memory();
        self.out
            .send(Ok(read))
            .await
            .map_err(|_| Error::new(Kind::Cancelled, "nobody reads on"))
    }

    /// Whether the server seems to be down.
    pub(super) fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed) >= DOWN
    }
}

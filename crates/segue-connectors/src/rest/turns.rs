//! What is asked for the same slices one after the other: windows of time, and within each the records of requests before this one.
//! One window, and of each level one page of parents, is held at a time; each parent has a request, and a way through its pages, of its own.

use super::copy::{ParentGroup, ParentLevel, RestCopy};
use super::export::Job;
use super::group::End;
use super::onward::Onward;
use super::plan::Plan;
use super::read::Reading;
use super::run::Run;
use super::template::{Extra, scalar};
use super::windows::Windows;
use crate::json::Path;
use jiff::Timestamp;
use segue_core::source::ReadRequest;
use segue_core::{Error, Kind, Result, Slice};
use serde_json::{Map, Value};
use std::collections::VecDeque;

/// A request whose records are the parents of those of the next.
pub struct Level {
    plan: Plan,
    takes: Vec<(String, Path)>,
    group: Option<ParentGroup>,
}

impl Level {
    /// Reads it.
    ///
    /// # Errors
    /// `Invalid`, as for a copy.
    pub fn new(written: &ParentLevel, request: &ReadRequest) -> Result<Level> {
        let copy = RestCopy {
            request: written.request.clone(),
            paginate: written.paginate.clone(),
            decoder: written.decoder.clone(),
            records: written.records.clone(),
            errors: written.errors.clone(),
            retry_after: Default::default(),
            parents: Vec::new(),
            windows: None,
            export: None,
            newest_first: false,
            position: None,
        };
        let takes = written
            .take
            .iter()
            .map(|(name, path)| Ok((name.clone(), Path::parse(path)?)));
        let takes: Vec<_> = takes.collect::<Result<_>>()?;
        if takes.is_empty() {
            return Err(Error::new(Kind::Invalid, "a parent takes nothing from its records")
                .hint("write `take: { id: $.id }`, and use it as `{{ parent.id }}`"));
        }
        Ok(Level {
            plan: Plan::of(copy, request)?,
            takes,
            group: written.group.clone(),
        })
    }

    fn taken(&self, record: &[u8]) -> Result<Map<String, Value>> {
        let mut taken = Map::new();
        for (name, path) in &self.takes {
            let value = path.value_in(record).ok().flatten().filter(|v| !v.is_null());
            let value = value.ok_or_else(|| {
                Error::new(Kind::BadData, format!("a record of a parent lacks `{name}`"))
                    .with("record", crate::columns::short(&String::from_utf8_lossy(record)))
                    .hint("look at `take` of the copy's `parents`")
            })?;
            taken.insert(name.clone(), value);
        }
        Ok(taken)
    }
}

/// Where the slices of a group are.
pub struct Turns {
    windows: VecDeque<(Timestamp, Timestamp)>,
    /// What templates know of the window that is read now; `None`: it is to be begun.
    window: Option<Map<String, Value>>,
    levels: Vec<State>,
    /// What was chosen, level by level.
    chosen: Vec<Map<String, Value>>,
    /// Whether all of it was handed out.
    is_begun: bool,
    /// What an export has ready to be asked.
    pub pending: VecDeque<Run>,
    /// The export that they are of.
    pub job: Option<Job>,
}

/// A level's parents.
#[derive(Default)]
struct State {
    run: Option<Run>,
    queue: VecDeque<Map<String, Value>>,
    is_over: bool,
}

impl Turns {
    /// Before the first.
    ///
    /// # Errors
    /// `Invalid` for windows without a beginning.
    pub fn new(plan: &Plan, now: Timestamp) -> Result<Turns> {
        let instant = |onward: &Onward| onward.instant(plan.windows.as_ref().map(Windows::format));
        let from = plan.onward.as_ref().and_then(instant);
        let (windows, window) = match &plan.windows {
            Some(windows) => (windows.until(now, from)?.into(), None),
            None => (VecDeque::new(), Some(Map::new())),
        };
        Ok(Turns {
            windows,
            window,
            levels: plan.levels.iter().map(|_| State::default()).collect(),
            chosen: Vec::new(),
            is_begun: false,
            pending: VecDeque::new(),
            job: None,
        })
    }

    /// What templates may name: the window, and the parents as far as they are chosen.
    fn extra(&self) -> Extra {
        let mut words = self.window.clone().unwrap_or_default();
        let mut parents = Map::new();
        for chosen in &self.chosen {
            parents.extend(chosen.clone());
        }
        if !self.levels.is_empty() {
            words.insert("parent".into(), Value::Object(parents));
        }
        Extra::new(words)
    }
}

impl Reading {
    /// What the next request is filled in with; `None`: there is no other.
    ///
    /// # Errors
    /// As [`Reading::turn`].
    pub(super) async fn next_turn(
        &self,
        slices: &[usize],
        turns: &mut Turns,
    ) -> Result<std::result::Result<Option<Extra>, End>> {
        let levels = &self.plan.levels;
        // The last time all levels were chosen: the innermost goes on. Without levels a window is one turn.
        if std::mem::take(&mut turns.is_begun) && turns.chosen.pop().is_none() {
            turns.window = None;
        }
        loop {
            if turns.window.is_none() {
                let (Some(window), Some(windows)) = (turns.windows.pop_front(), &self.plan.windows) else {
                    return Ok(Ok(None));
                };
                let words = Map::from_iter([("window".to_string(), windows.words(window)?)]);
                turns.window = Some(words);
                turns.levels.iter_mut().for_each(|level| *level = State::default());
            }
            let depth = turns.chosen.len();
            if depth == levels.len() {
                turns.is_begun = true;
                return Ok(Ok(Some(turns.extra())));
            }
            let (level, extra) = (&levels[depth], turns.extra());
            let state = &mut turns.levels[depth];
            let wanted = level.group.as_ref().map_or(1, |group| group.size.max(1) as usize);
            while state.queue.len() < wanted && !state.is_over {
                if let Err(end) = self.more_parents(level, slices, state, &extra).await? {
                    return Ok(Err(end));
                }
            }
            if state.queue.is_empty() {
                *state = State::default();
                if turns.chosen.pop().is_none() {
                    turns.window = None;
                }
                continue;
            }
            let count = wanted.min(state.queue.len());
            let parents: Vec<Map<String, Value>> = state.queue.drain(..count).collect();
            turns.chosen.push(match &level.group {
                Some(group) => joined(&parents, &group.join),
                None => parents.into_iter().next().unwrap_or_default(),
            });
        }
    }

    /// The next page of a level's parents.
    async fn more_parents(
        &self,
        level: &Level,
        slices: &[usize],
        state: &mut State,
        extra: &Extra,
    ) -> Result<std::result::Result<(), End>> {
        if state.run.is_none() {
            state.run = Some(self.run_of(&level.plan, slices, extra.clone())?);
        }
        let Some(run) = &mut state.run else {
            return Err(Error::bug("a level has no request"));
        };
        let fetched = match self.turn(&level.plan, run).await? {
            None => return Ok(Ok(())),
            Some(Ok(fetched)) => fetched,
            Some(Err(end)) => return Ok(Err(end)),
        };
        match fetched.end {
            None | Some(End::Complete) => {}
            Some(end) => return Ok(Err(end)),
        }
        if let Some(why) = fetched.short {
            return Ok(Err(End::short(&why)));
        }
        let members: Vec<&Slice> = slices.iter().map(|i| &self.slices[*i]).collect();
        let page = &fetched.page;
        for record in level.plan.picked_of(&page.answer.body, &page.found, extra, &members)? {
            // Records that are null are none.
            if record != b"null" {
                state.queue.push_back(level.taken(record)?);
            }
        }
        state.is_over = fetched.last;
        Ok(Ok(()))
    }
}

/// Several parents in one request: of each name the texts, each once.
fn joined(parents: &[Map<String, Value>], join: &str) -> Map<String, Value> {
    let mut all = Map::new();
    for name in parents.first().iter().flat_map(|p| p.keys()) {
        let mut texts: Vec<String> = Vec::new();
        for text in parents.iter().filter_map(|p| p.get(name)).map(scalar) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        all.insert(name.clone(), Value::String(texts.join(join)));
    }
    all
}

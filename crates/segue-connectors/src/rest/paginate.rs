//! Going from page to page. The state is a value of one slice's reading: nothing of it is shared.

use super::asked::Asked;
use super::copy::{Cursor, In, LastRecord, Offset, PageNumber, Paginate, Place, Reduce};
use crate::columns::short;
use crate::http::Answer;
use crate::json::Path;
use crate::json::find::{Broken, Found, Probe};
use crate::json::path::Step;
use segue_core::hash::sha256;
use segue_core::{Error, Kind, Result};
use serde_json::Value;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};
use url::Url;

/// No slice has more pages, whatever the server says.
const MOST_PAGES: u64 = 1_000_000;

/// After so many pages in a row without records nothing more is expected of them.
const MOST_EMPTY: u32 = 100;

/// After so many pages with the records of the one before, marks and links are not believed to lead on.
const MOST_REPEATED: u32 = 10;

/// How the next page is asked for, read once.
#[derive(Debug)]
pub struct Paginator {
    kind: Kinds,
    max_pages: Option<u64>,
    reduce: Option<Reduce>,
    place: In,
    /// What stands before the names of parameters.
    below: &'static str,
}

#[derive(Debug)]
enum Kinds {
    Single,
    NextLink(Told),
    LinkHeader(String),
    Offset(Offset, Option<Path>, Option<Path>),
    Page(PageNumber, Option<Path>, Option<Path>),
    Cursor(Cursor, Told, Option<Path>),
    LastRecord(LastRecord, Path, Option<Path>),
}

/// Where an answer tells something.
#[derive(Debug)]
enum Told {
    Body(Path),
    Header(String),
}

impl Told {
    fn new(place: &Place) -> Result<Told> {
        Ok(match place {
            Place::Path(path) => Told::Body(Path::parse(path)?),
            Place::Header(header) => Told::Header(header.header.clone()),
        })
    }

    fn steps(&self) -> Option<&[Step]> {
        match self {
            Told::Body(path) => path.steps(),
            Told::Header(_) => None,
        }
    }

    /// What it says; `None` where it says that there is nothing.
    fn value(&self, answer: &Answer, found: &Found) -> Result<Option<Value>> {
        match self {
            Told::Body(path) => value(path, &answer.body, &found.probe),
            Told::Header(name) => {
                let text = answer.headers.get(name.as_str()).and_then(|v| v.to_str().ok());
                Ok(text.map(str::trim).filter(|t| !t.is_empty()).map(Value::from))
            }
        }
    }
}

impl Paginator {
    /// Reads it; none is a single page. `is_graphql`: parameters are variables, where nothing else is said.
    ///
    /// # Errors
    /// `Invalid` when it does not say exactly one way, or a path cannot be read.
    pub fn new(spec: Option<&Paginate>, is_graphql: bool) -> Result<Paginator> {
        let Some(spec) = spec else {
            return Ok(Paginator {
                kind: Kinds::Single,
                max_pages: None,
                reduce: None,
                place: In::Query,
                below: "",
            });
        };
        let path = |text: &Option<String>| text.as_deref().map(Path::parse).transpose();
        let mut kinds = Vec::new();
        let mut place = None;
        if let Some(link) = &spec.next_link {
            kinds.push(Kinds::NextLink(Told::new(link)?));
        }
        if let Some(relation) = &spec.link_header {
            kinds.push(Kinds::LinkHeader(relation.clone()));
        }
        if let Some(offset) = &spec.offset {
            place = offset.place;
            let cap = offset.cap.as_ref().map(|cap| Path::parse(&cap.path)).transpose()?;
            kinds.push(Kinds::Offset(offset.clone(), path(&offset.total)?, cap));
        }
        if let Some(page) = &spec.page {
            place = page.place;
            kinds.push(Kinds::Page(
                page.clone(),
                path(&page.total_pages)?,
                path(&page.has_more)?,
            ));
        }
        if let Some(cursor) = &spec.cursor {
            place = cursor.place;
            kinds.push(Kinds::Cursor(
                cursor.clone(),
                Told::new(&cursor.path)?,
                path(&cursor.has_more)?,
            ));
        }
        if let Some(last) = &spec.last_record {
            place = last.place;
            kinds.push(Kinds::LastRecord(
                last.clone(),
                Path::parse(&last.path)?,
                path(&last.has_more)?,
            ));
        }
        let (Some(kind), true) = (kinds.pop(), kinds.is_empty()) else {
            return Err(Error::new(
                Kind::Invalid,
                "`paginate` wants exactly one of next_link, link_header, offset, page, cursor and last_record",
            ));
        };
        let paginator = Paginator {
            kind,
            max_pages: spec.max_pages,
            reduce: spec.reduce.clone(),
            place: place.unwrap_or(if is_graphql { In::Body } else { In::Query }),
            below: if is_graphql && place.is_none() {
                "variables."
            } else {
                ""
            },
        };
        if paginator.reduce.is_some() && paginator.size().is_none() {
            return Err(
                Error::new(Kind::Invalid, "`paginate.reduce` has no size that it could reduce")
                    .hint("give the size of a page: `limit` of `offset`, or `size_param` and `size`"),
            );
        }
        Ok(paginator)
    }

    /// The records of a page that is asked for, and the parameter that says so.
    fn size(&self) -> Option<(&str, u64)> {
        match &self.kind {
            Kinds::Offset(spec, ..) => Some((&spec.limit_param, spec.limit)),
            Kinds::Page(spec, ..) => sized(&spec.size_param, spec.size),
            Kinds::Cursor(spec, ..) => sized(&spec.size_param, spec.size),
            Kinds::LastRecord(spec, ..) => sized(&spec.size_param, spec.size),
            Kinds::Single | Kinds::NextLink(_) | Kinds::LinkHeader(_) => None,
        }
    }

    /// Whether there is one page whatever comes.
    pub fn is_single(&self) -> bool {
        matches!(self.kind, Kinds::Single)
    }

    /// Whether a page that is not full is the last one, and nothing else says so.
    pub fn ends_by_count(&self) -> bool {
        match &self.kind {
            Kinds::Offset(_, total, _) => total.is_none(),
            Kinds::Page(page, total, more) => page.size.is_some() && total.is_none() && more.is_none(),
            Kinds::LastRecord(last, _, more) => last.size.is_some() && more.is_none(),
            _ => false,
        }
    }

    /// Whether headers tell the next page: of what was kept nobody knows it then.
    pub fn is_told_by_header(&self) -> bool {
        matches!(
            &self.kind,
            Kinds::LinkHeader(_) | Kinds::NextLink(Told::Header(_)) | Kinds::Cursor(_, Told::Header(_), _)
        )
    }

    /// What it wants to know of each answer, so that it is looked for together with the records.
    pub fn probe(&self) -> Option<&[Step]> {
        match &self.kind {
            Kinds::NextLink(told) | Kinds::Cursor(_, told, _) => told.steps(),
            Kinds::Offset(_, Some(path), _) => path.steps(),
            _ => None,
        }
    }

    /// Before the first page of a slice that is asked for like this.
    pub fn start(&self, request: Asked) -> Paging {
        let turn = match &self.kind {
            Kinds::Offset(..) => Turn::Number(0),
            Kinds::Page(page, ..) => Turn::Number(page.start),
            _ => Turn::Request,
        };
        Paging {
            request,
            turn,
            pages: 0,
            size: self.size().map(|(_, size)| size),
            after: None,
            seen: HashSet::new(),
            records: 0,
            before: 0,
            last_records: None,
            last_body: None,
            repeated: 0,
            empty: 0,
        }
    }

    /// Whether the server says that a page is too large for it.
    pub fn complains(&self, status: u16, body: &[u8]) -> bool {
        let holds = |text: &str| String::from_utf8_lossy(body).contains(text);
        let fits = |r: &Reduce| r.status.has(status) && r.body.as_deref().is_none_or(holds);
        self.reduce.as_ref().is_some_and(fits)
    }
}

/// Where a slice's reading is.
#[derive(Debug)]
pub struct Paging {
    request: Asked,
    turn: Turn,
    /// How many pages have come.
    pub pages: u64,
    /// The records of a page that is asked for now.
    size: Option<u64>,
    /// The value of the last record after which the offsets begin, where the server gives no more than so many for one question.
    after: Option<Value>,
    seen: HashSet<[u8; 16]>,
    /// How many records they had.
    records: u64,
    /// How many records the parts of the page had that came so far.
    before: u64,
    last_records: Option<u64>,
    last_body: Option<u64>,
    /// How many pages in a row had the very records of the one before.
    repeated: u32,
    /// How many pages in a row had no records.
    empty: u32,
}

#[derive(Debug)]
enum Turn {
    Request,
    Link(Url),
    Number(u64),
    Mark(Value),
}

/// What follows a page.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Another page.
    More,
    /// Nothing.
    End,
    /// More, which is left out.
    Stopped,
}

impl Paging {
    /// What the page that is next is asked with.
    ///
    /// # Errors
    /// `BadData` when it was asked before: the pages go in circles.
    pub fn asked(&mut self, paginator: &Paginator) -> Result<Asked> {
        let asked = self.page(paginator)?;
        let digest = sha256(asked.text());
        let mut short = [0; 16];
        short.copy_from_slice(&digest.as_bytes()[..16]);
        if !self.seen.insert(short) || self.pages >= MOST_PAGES {
            return Err(Error::new(Kind::BadData, "the pages go in circles")
                .code(segue_diag::REST_PAGE_LOOP)
                .with("pages", self.pages)
                .hint("look at `paginate`: the answer names a page that was already read"));
        }
        Ok(asked)
    }

    fn page(&self, paginator: &Paginator) -> Result<Asked> {
        let mut asked = self.request.clone();
        let mut set = |name: &str, value: Value| {
            let name = format!("{}{name}", paginator.below);
            asked.set(paginator.place, &name, value)
        };
        if let (Some((name, _)), Some(size)) = (paginator.size(), self.size) {
            set(name, size.into())?;
        }
        match (&self.turn, &paginator.kind) {
            (Turn::Number(offset), Kinds::Offset(spec, ..)) => {
                if let (Some(cap), Some(after)) = (&spec.cap, &self.after) {
                    set(&cap.param, after.clone())?;
                }
                set(&spec.param, (*offset).into())?;
            }
            (Turn::Number(page), Kinds::Page(spec, ..)) => set(&spec.param, (*page).into())?,
            (Turn::Mark(mark), Kinds::Cursor(spec, ..)) => set(&spec.param, mark.clone())?,
            (Turn::Mark(mark), Kinds::LastRecord(spec, ..)) => set(&spec.param, mark.clone())?,
            (Turn::Link(next), _) => asked.url = next.clone(),
            _ => {}
        }
        Ok(asked)
    }

    /// Whether a page can be asked for with fewer records.
    pub fn can_shrink(&self, paginator: &Paginator) -> bool {
        let least = paginator.reduce.as_ref().map_or(1, |r| r.least);
        self.shrunk(paginator).is_some_and(|size| size >= least)
    }

    /// From now on with half as many. Where pages have numbers, with so many that a page begins where this one would have.
    pub fn shrink(&mut self, paginator: &Paginator) {
        let (Some(size), Some(now)) = (self.shrunk(paginator), self.size) else {
            return;
        };
        if let (Turn::Number(page), Kinds::Page(spec, ..)) = (&mut self.turn, &paginator.kind) {
            *page = spec.start + (*page - spec.start) * (now / size);
        }
        self.size = Some(size);
    }

    fn shrunk(&self, paginator: &Paginator) -> Option<u64> {
        let now = self.size?;
        let half = now / 2;
        match (&self.turn, &paginator.kind) {
            (Turn::Number(page), Kinds::Page(spec, ..)) if *page > spec.start => {
                (1..=half).rev().find(|size| now % size == 0)
            }
            _ => (half > 0).then_some(half),
        }
    }

    /// After a page with this answer and these records.
    ///
    /// # Errors
    /// `BadData` when the page is the one before again; `Invalid` when the next one is on another server.
    pub fn advance(&mut self, paginator: &Paginator, at: &Url, answer: &Answer, found: &Found) -> Result<Next> {
        let body = &answer.body[..];
        self.pages += 1;
        let parted = std::mem::take(&mut self.before);
        let records = found.records.len() as u64 + parted;
        self.records += records;
        if !paginator.is_single() && (parted == 0 || !found.records.is_empty()) {
            self.go_on(paginator, body, found)?;
        }
        let is_full = |size: Option<u64>| size.map_or(records > 0, |size| records >= size);
        let turn = match &paginator.kind {
            Kinds::Single => None,
            Kinds::NextLink(told) => match told.value(answer, found)? {
                None => None,
                Some(Value::String(text)) => Some(Turn::Link(joined(at, &text)?)),
                Some(other) => return Err(unusable("the link to the next page", "next_link", &other)),
            },
            Kinds::LinkHeader(relation) => related(answer, relation)
                .map(|text| joined(at, &text))
                .transpose()?
                .map(Turn::Link),
            Kinds::Offset(spec, total, cap) => self.offset(spec, total.as_ref(), cap.as_ref(), body, found, records)?,
            Kinds::Page(spec, total, more) => {
                let Turn::Number(page) = self.turn else {
                    return Ok(Next::End);
                };
                let asked_for = self.size.or(spec.size);
                let goes_on = match (total, more) {
                    (Some(path), _) => {
                        let total = number(
                            value(path, body, &Probe::Unseen)?,
                            "the number of all pages",
                            "page.total_pages",
                        )?;
                        total.map_or(is_full(asked_for), |total| page + 1 < spec.start + total)
                    }
                    (None, Some(path)) => says_yes(path, body, "page.has_more")?,
                    (None, None) => is_full(asked_for),
                };
                goes_on.then_some(Turn::Number(page + 1))
            }
            Kinds::Cursor(_, told, more) => {
                let ended = match more {
                    Some(path) => !says_yes(path, body, "cursor.has_more")?,
                    None => false,
                };
                match told.value(answer, found)? {
                    _ if ended => None,
                    Some(mark @ (Value::String(_) | Value::Number(_))) => Some(Turn::Mark(mark)),
                    Some(other) => return Err(unusable("the mark of the next page", "cursor.path", &other)),
                    None => None,
                }
            }
            Kinds::LastRecord(spec, path, more) => {
                let goes_on = match more {
                    Some(path) => says_yes(path, body, "last_record.has_more")?,
                    None => is_full(self.size.or(spec.size)),
                };
                match goes_on {
                    true => self.last(path, body, found, "last_record.path")?.map(Turn::Mark),
                    false => None,
                }
            }
        };
        let Some(turn) = turn else { return Ok(Next::End) };
        self.turn = turn;
        match paginator.max_pages {
            Some(most) if self.pages >= most => Ok(Next::Stopped),
            _ => Ok(Next::More),
        }
    }

    /// After a part of a page that is not its last.
    pub fn part(&mut self, found: &Found) {
        self.before += found.records.len() as u64;
    }

    /// The value of the page's last record, after which the next page begins.
    fn last(&self, path: &Path, body: &[u8], found: &Found, key: &str) -> Result<Option<Value>> {
        let Some((range, _)) = found.records.last() else {
            return Ok(None);
        };
        let value = value(path, &body[range.clone()], &Probe::Unseen)?;
        match value {
            Some(value @ (Value::String(_) | Value::Number(_))) => Ok(Some(value)),
            other => Err(unusable(
                "the value of the last record",
                key,
                &other.unwrap_or(Value::Null),
            )),
        }
    }

    /// Fails where the pages do not seem to lead anywhere. Their records alone are compared: around them a server may write what is new
    /// each time, such as the number of the request.
    fn go_on(&mut self, paginator: &Paginator, body: &[u8], found: &Found) -> Result<()> {
        if found.records.is_empty() {
            self.empty += 1;
            if self.empty < MOST_EMPTY {
                return Ok(());
            }
            return Err(
                Error::new(Kind::BadData, format!("{MOST_EMPTY} pages in a row have no records"))
                    .code(segue_diag::REST_PAGE_LOOP)
                    .with("pages", self.pages)
                    .hint("look at `paginate`: the server says each time that there is more"),
            );
        }
        self.empty = 0;
        let mut hasher = DefaultHasher::new();
        for (record, _) in &found.records {
            hasher.write(&body[record.clone()]);
            hasher.write_u8(0);
        }
        let digest = hasher.finish();
        match self.last_records.replace(digest) == Some(digest) {
            true => self.repeated += 1,
            false => self.repeated = 0,
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(body);
        let digest = hasher.finish();
        let is_same_body = self.last_body.replace(digest) == Some(digest);
        // A server that gives a new mark or link each time, or writes something else around the same records, may know where it is, and
        // records may be alike. One that is told a number and answers to the letter as before does not know what it means.
        let most = match paginator.kind {
            Kinds::Offset(..) | Kinds::Page(..) if is_same_body => 1,
            _ => MOST_REPEATED,
        };
        if self.repeated < most {
            return Ok(());
        }
        Err(Error::new(Kind::BadData, "the same page came twice")
            .code(segue_diag::REST_PAGE_LOOP)
            .with("page", self.pages)
            .hint("look at `paginate`: the server does not seem to know its parameters"))
    }

    /// Why there should be more behind what was read, if the answer says so: of the last page of those that end by their count.
    pub fn says_more(&self, body: &[u8], found: &Found) -> Option<String> {
        // An empty page ends them whatever a total says: what counts there may not all be ours to see.
        says_more(body, (!found.records.is_empty()).then_some(self.records))
    }

    fn offset(
        &mut self,
        spec: &Offset,
        total: Option<&Path>,
        cap: Option<&Path>,
        body: &[u8],
        found: &Found,
        records: u64,
    ) -> Result<Option<Turn>> {
        let Turn::Number(offset) = self.turn else {
            return Ok(None);
        };
        let limit = self.size.unwrap_or(spec.limit);
        // A server that gives fewer than it was asked for goes on after those; one that gives some twice, after the limit.
        let next = offset + records.min(limit);
        let total = total.map(|path| value(path, body, &found.probe)).transpose()?.flatten();
        let more = match number(total, "the number of all records", "offset.total")? {
            Some(total) => records > 0 && next < total,
            None => records >= limit,
        };
        // What it gives for one question is all there: the next one begins after the last record.
        if let (Some(written), Some(path)) = (&spec.cap, cap)
            && next + limit > written.at
            && (more || next >= written.at)
        {
            let after = self.last(path, body, found, "offset.cap.path")?;
            return Ok(after.map(|after| {
                self.after = Some(after);
                Turn::Number(0)
            }));
        }
        Ok(more.then_some(Turn::Number(next)))
    }
}

/// Why there should be more, if the answer says so in one of the usual ways; `read`: so many records came so far, where a total may tell.
pub fn says_more(body: &[u8], read: Option<u64>) -> Option<String> {
    const NEXT: [&str; 5] = ["next", "next_page", "next_cursor", "next_page_token", "nextPageToken"];
    const NAMES: [&str; 7] = [NEXT[0], NEXT[1], NEXT[2], NEXT[3], NEXT[4], "has_more", "total"];
    let found = crate::json::find::fields(body, &NAMES).ok()?;
    let value = |at: usize| serde_json::from_slice::<Value>(&body[found[at].clone()?]).ok();
    for (at, name) in NEXT.iter().enumerate() {
        if value(at).is_some_and(|v| v.as_str().is_some_and(|s| !s.is_empty()) || v.is_number()) {
            return Some(format!("the answer has `{name}`"));
        }
    }
    if value(5) == Some(Value::Bool(true)) {
        return Some("the answer says `has_more`".into());
    }
    let read = read?;
    let total = value(6)?.as_u64().filter(|total| *total > read)?;
    Some(format!("{read} records came, and the answer's `total` is {total}"))
}

fn sized(name: &Option<String>, size: Option<u64>) -> Option<(&str, u64)> {
    Some((name.as_deref()?, size?))
}

/// The URL of the page that has this relation, in the `Link` headers (RFC 8288).
fn related(answer: &Answer, relation: &str) -> Option<String> {
    let all = answer.headers.get_all("link").iter().filter_map(|v| v.to_str().ok());
    for text in all {
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('<') {
            let (target, after) = after.split_once('>')?;
            // Its parameters end where the next link begins; a comma may stand in a quoted text.
            let end = after.find(", <").or_else(|| after.find(",<")).unwrap_or(after.len());
            let is_meant = after[..end].split(';').any(|parameter| {
                let pair = parameter
                    .split_once('=')
                    .map(|(n, v)| (n.trim(), v.trim().trim_matches('"')));
                pair.is_some_and(|(name, value)| {
                    name.eq_ignore_ascii_case("rel") && value.split(' ').any(|r| r.eq_ignore_ascii_case(relation))
                })
            });
            if is_meant {
                return Some(target.to_string());
            }
            rest = &after[end..];
        }
    }
    None
}

fn joined(at: &Url, text: &str) -> Result<Url> {
    let mut next = at.join(text).map_err(|e| {
        Error::new(Kind::BadData, "the link to the next page is no URL")
            .with("link", crate::json::quoted(&short(text)))
            .caused_by(e)
    })?;
    // It is not sent: links that differ in it alone ask for the same page.
    next.set_fragment(None);
    if next.origin() != at.origin() {
        return Err(Error::new(
            Kind::Invalid,
            "the next page is at another server, and credentials do not go there",
        )
        .code(segue_diag::REST_EGRESS)
        .with("server", short(next.host_str().unwrap_or_default()))
        .hint("put that server into the connection's base_url"));
    }
    Ok(next)
}

/// A number, which some servers write as text.
fn number(found: Option<Value>, what: &str, key: &str) -> Result<Option<u64>> {
    let Some(value) = found else { return Ok(None) };
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.map(Some).ok_or_else(|| unusable(what, key, &value))
}

/// Whether an answer says that there is more; where it says nothing there is not.
fn says_yes(path: &Path, body: &[u8], key: &str) -> Result<bool> {
    match value(path, body, &Probe::Unseen)? {
        None => Ok(false),
        Some(Value::Bool(more)) => Ok(more),
        Some(other) => Err(unusable("whether there are more pages", key, &other)),
    }
}

fn unusable(what: &str, key: &str, found: &Value) -> Error {
    Error::new(
        Kind::BadData,
        format!("{what} cannot be used: {}", short(&found.to_string())),
    )
    .hint(format!(
        "look at `paginate.{key}`; nothing, null, \"\" and false say that there is none"
    ))
}

/// What was looked for, or is now; `None` where it is missing or says that there is nothing: null, an empty text, false.
fn value(path: &Path, body: &[u8], probe: &Probe) -> Result<Option<Value>> {
    let found = match probe {
        Probe::Unseen => path.value_in(body),
        Probe::Missing => Ok(None),
        Probe::At(range) => serde_json::from_slice(&body[range.clone()])
            .map(Some)
            .map_err(|_| Broken::NotJson(range.start)),
    };
    let found = found.map_err(|_| {
        Error::new(Kind::BadData, "what tells the next page is not JSON").code(segue_diag::REST_NOT_JSON)
    })?;
    let says_none = |v: &Value| matches!(v, Value::Null | Value::Bool(false)) || v.as_str() == Some("");
    Ok(found.filter(|v| !says_none(v)))
}

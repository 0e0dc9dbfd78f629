//! Going from page to page. The state is a value of one slice's reading: nothing of it is shared.

use super::copy::{Cursor, Offset, PageNumber, Paginate};
use crate::columns::short;
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
}

#[derive(Debug)]
enum Kinds {
    Single,
    NextLink(Path),
    Offset(Offset, Option<Path>),
    Page(PageNumber),
    Cursor(Cursor, Path),
}

impl Paginator {
    /// Reads it; none is a single page.
    ///
    /// # Errors
    /// `Invalid` when it does not say exactly one way, or a path cannot be read.
    pub fn new(spec: Option<&Paginate>) -> Result<Paginator> {
        let Some(spec) = spec else {
            return Ok(Paginator {
                kind: Kinds::Single,
                max_pages: None,
            });
        };
        let kind = match (&spec.next_link, &spec.offset, &spec.page, &spec.cursor) {
            (Some(path), None, None, None) => Kinds::NextLink(Path::parse(path)?),
            (None, Some(offset), None, None) => {
                Kinds::Offset(offset.clone(), offset.total.as_deref().map(Path::parse).transpose()?)
            }
            (None, None, Some(page), None) => Kinds::Page(page.clone()),
            (None, None, None, Some(cursor)) => Kinds::Cursor(cursor.clone(), Path::parse(&cursor.path)?),
            _ => {
                return Err(Error::new(
                    Kind::Invalid,
                    "`paginate` wants exactly one of next_link, offset, page and cursor",
                ));
            }
        };
        Ok(Paginator {
            kind,
            max_pages: spec.max_pages,
        })
    }

    /// Whether there is one page whatever comes.
    pub fn is_single(&self) -> bool {
        matches!(self.kind, Kinds::Single)
    }

    /// Whether a page that is not full is the last one, and nothing else says so.
    pub fn ends_by_count(&self) -> bool {
        match &self.kind {
            Kinds::Offset(_, total) => total.is_none(),
            Kinds::Page(page) => page.size.is_some(),
            _ => false,
        }
    }

    /// What it wants to know of each answer, so that it is looked for together with the records.
    pub fn probe(&self) -> Option<&[Step]> {
        match &self.kind {
            Kinds::NextLink(path) | Kinds::Cursor(_, path) | Kinds::Offset(_, Some(path)) => path.steps(),
            _ => None,
        }
    }

    /// Before the first page of a slice whose request has this URL.
    pub fn start(&self, request: Url) -> Paging {
        let turn = match &self.kind {
            Kinds::Offset(..) => Turn::Number(0),
            Kinds::Page(page) => Turn::Number(page.start),
            _ => Turn::Request,
        };
        Paging {
            request,
            turn,
            pages: 0,
            seen: HashSet::new(),
            records: 0,
            last_records: None,
            last_body: None,
            repeated: 0,
            empty: 0,
        }
    }
}

/// Where a slice's reading is.
#[derive(Debug)]
pub struct Paging {
    request: Url,
    turn: Turn,
    /// How many pages have come.
    pub pages: u64,
    seen: HashSet<[u8; 16]>,
    /// How many records they had.
    records: u64,
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
    Mark(String),
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
    /// The URL of the page that is next.
    ///
    /// # Errors
    /// `BadData` when it was asked before: the pages go in circles.
    pub fn url(&mut self, paginator: &Paginator) -> Result<Url> {
        let url = self.page_url(paginator);
        let digest = sha256(url.as_str());
        let mut short = [0; 16];
        short.copy_from_slice(&digest.as_bytes()[..16]);
        if !self.seen.insert(short) || self.pages >= MOST_PAGES {
            return Err(Error::new(Kind::BadData, "the pages go in circles")
                .code(segue_diag::REST_PAGE_LOOP)
                .with("pages", self.pages)
                .hint("look at `paginate`: the answer names a page that was already read"));
        }
        Ok(url)
    }

    fn page_url(&self, paginator: &Paginator) -> Url {
        let mut url = self.request.clone();
        match (&self.turn, &paginator.kind) {
            (Turn::Link(next), _) => return next.clone(),
            (Turn::Number(offset), Kinds::Offset(spec, _)) => {
                set(&mut url, &spec.limit_param, &spec.limit.to_string());
                set(&mut url, &spec.param, &offset.to_string());
            }
            (Turn::Number(page), Kinds::Page(spec)) => {
                if let (Some(name), Some(size)) = (&spec.size_param, spec.size) {
                    set(&mut url, name, &size.to_string());
                }
                set(&mut url, &spec.param, &page.to_string());
            }
            (Turn::Mark(mark), Kinds::Cursor(spec, _)) => set(&mut url, &spec.param, mark),
            _ => {}
        }
        url
    }

    /// After a page with this body and these records.
    ///
    /// # Errors
    /// `BadData` when the page is the one before again; `Invalid` when the next one is on another server.
    pub fn advance(&mut self, paginator: &Paginator, at: &Url, body: &[u8], found: &Found) -> Result<Next> {
        self.pages += 1;
        let records = found.records.len() as u64;
        self.records += records;
        if !paginator.is_single() {
            self.go_on(paginator, body, found)?;
        }
        let turn = match &paginator.kind {
            Kinds::Single => None,
            Kinds::NextLink(path) => link(path, at, body, &found.probe)?.map(Turn::Link),
            Kinds::Offset(spec, total) => self.offset(spec, total.as_ref(), body, found)?,
            Kinds::Page(spec) => {
                let full = spec.size.map_or(records > 0, |size| records >= size);
                match self.turn {
                    Turn::Number(page) if full => Some(Turn::Number(page + 1)),
                    _ => None,
                }
            }
            Kinds::Cursor(_, path) => match value(path, body, &found.probe)? {
                Some(Value::String(mark)) => Some(Turn::Mark(mark)),
                Some(Value::Number(mark)) => Some(Turn::Mark(mark.to_string())),
                Some(other) => return Err(unusable("the mark of the next page", "cursor.path", &other)),
                None => None,
            },
        };
        let Some(turn) = turn else { return Ok(Next::End) };
        self.turn = turn;
        match paginator.max_pages {
            Some(most) if self.pages >= most => Ok(Next::Stopped),
            _ => Ok(Next::More),
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
            Kinds::Offset(..) | Kinds::Page(_) if is_same_body => 1,
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

    fn offset(&self, spec: &Offset, total: Option<&Path>, body: &[u8], found: &Found) -> Result<Option<Turn>> {
        let records = found.records.len() as u64;
        let Turn::Number(offset) = self.turn else {
            return Ok(None);
        };
        // A server that gives fewer than it was asked for goes on after those; one that gives some twice, after the limit.
        let next = offset + records.min(spec.limit);
        let total = total.map(|path| value(path, body, &found.probe)).transpose()?.flatten();
        let total = total.map(|total| {
            let number = total.as_u64().or_else(|| total.as_str()?.parse().ok());
            number.ok_or_else(|| unusable("the number of all records", "offset.total", &total))
        });
        let more = match total.transpose()? {
            Some(total) => records > 0 && next < total,
            None => records >= spec.limit,
        };
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

fn link(path: &Path, at: &Url, body: &[u8], probe: &Probe) -> Result<Option<Url>> {
    let text = match value(path, body, probe)? {
        None => return Ok(None),
        Some(Value::String(text)) => text,
        Some(other) => return Err(unusable("the link to the next page", "next_link", &other)),
    };
    let mut next = at.join(&text).map_err(|e| {
        Error::new(Kind::BadData, "the link to the next page is no URL")
            .with("link", crate::json::quoted(&short(&text)))
            .caused_by(e)
    })?;
    // It is not sent: links that differ in it alone ask for the same page.
    next.set_fragment(None);
    if next.origin() != at.origin() {
        return Err(Error::new(
            Kind::Invalid,
            "the next page is at another server, and credentials do not go there",
        )
        .with("server", short(next.host_str().unwrap_or_default()))
        .hint("put that server into the connection's base_url"));
    }
    Ok(Some(next))
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

/// Sets a parameter, whatever it was.
fn set(url: &mut Url, name: &str, value: &str) {
    let others: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(n, _)| n != name)
        .map(|(n, v)| (n.into(), v.into()))
        .collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair(name, value);
}

//! Going from page to page. The state is a value of one slice's reading: nothing of it is shared.

use super::copy::{Cursor, Offset, PageNumber, Paginate};
use crate::columns::short;
use crate::json::Path;
use crate::json::find::{Broken, Found, Probe};
use crate::json::path::Step;
use bytes::Bytes;
use segue_core::hash::sha256;
use segue_core::{Error, Kind, Result};
use serde_json::Value;
use std::collections::HashSet;
use url::Url;

/// No slice has more pages, whatever the server says.
const MOST_PAGES: u64 = 1_000_000;

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
            last_body: None,
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
    last_body: Option<Bytes>,
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
    pub fn advance(&mut self, paginator: &Paginator, at: &Url, body: &Bytes, found: &Found) -> Result<Next> {
        self.pages += 1;
        let records = found.records.len() as u64;
        if !paginator.is_single() && records > 0 {
            if self.last_body.as_ref() == Some(body) {
                return Err(Error::new(Kind::BadData, "the same page came twice")
                    .code(segue_diag::REST_PAGE_LOOP)
                    .with("page", self.pages)
                    .hint("look at `paginate`: the server does not seem to know its parameters"));
            }
            self.last_body = Some(body.clone());
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

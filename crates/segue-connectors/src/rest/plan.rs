//! A copy, read once: everything that is the same for all slices.

use super::asked::Asked;
use super::copy::{ErrorRule, FullRecords, Missing, Pick, Records, RestCopy, Then};
use super::decoder;
use super::export::Export;
use super::onward::Onward;
use super::paginate::Paginator;
use super::template::{Common, Expression, Extra, Templates, Words};
use super::turns::Level;
use super::windows::Windows;
use crate::forms::Form;
use crate::http::{Call, Method};
use crate::json::Path;
use segue_core::gate::key_below;
use segue_core::hash::sha256;
use segue_core::source::{ReadRequest, SliceBatch};
use segue_core::{Error, Kind, Result, Slice};
use std::sync::Arc;
use url::Url;

/// What is asked of a connection, and how the answers are read.
pub struct Plan {
    /// The copy as it is written.
    pub copy: RestCopy,
    /// Its templates.
    pub templates: Templates,
    /// How it goes from page to page.
    pub paginator: Paginator,
    /// What answers are written in.
    pub form: Arc<Form>,
    /// Where the records stand.
    pub records: Path,
    /// What it means when nothing is there.
    pub missing: Missing,
    /// Columns whose values stand above the record, by name.
    pub parents: Vec<(String, Path)>,
    /// Which of the records are taken.
    pub pick: Option<(Pick, Expression)>,
    /// What templates may name beside the slice.
    pub common: Common,
    /// How slices share requests.
    pub batch: Option<SliceBatch>,
    /// The requests before this one, the outermost first.
    pub levels: Vec<Level>,
    /// The stretches of time that are asked for.
    pub windows: Option<Windows>,
    /// How an answer is prepared.
    pub export: Option<Export>,
    /// How far was read before.
    pub onward: Option<Onward>,
}

impl Plan {
    /// Reads it.
    ///
    /// # Errors
    /// `Invalid`, saying what cannot be read or does not go together.
    pub fn new(request: &ReadRequest) -> Result<Plan> {
        let copy: RestCopy = crate::connector::read_copy(&request.copy)?;
        let plan = Plan::of(copy, request)?;
        if plan.copy.newest_first && plan.onward.is_none() {
            return Err(Error::new(
                Kind::Invalid,
                "`newest_first` says something of a read by `position` only",
            )
            .hint("leave it out, or write `position: { column: … }`"));
        }
        if plan.copy.newest_first && plan.has_turns() {
            return Err(Error::new(
                Kind::Invalid,
                "`newest_first` does not go with `parents`, `windows` or `export`",
            )
            .hint("leave it out: each of their requests has a newest record of its own"));
        }
        Ok(plan)
    }

    /// Of this copy.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn of(copy: RestCopy, request: &ReadRequest) -> Result<Plan> {
        let full = match copy.records.clone() {
            Records::Path(path) => FullRecords {
                path,
                missing: Missing::default(),
                parent: Default::default(),
                pick: None,
            },
            Records::Full(full) => full,
        };
        let parents = full
            .parent
            .iter()
            .map(|(name, path)| Ok((name.clone(), Path::parse(path)?)))
            .collect::<Result<Vec<_>>>()?;
        let records = Path::parse(&full.path)?;
        let plain = records.steps().is_some() && parents.iter().all(|(_, p)| p.steps().is_some());
        if !parents.is_empty() && !plain {
            return Err(Error::new(Kind::Invalid, "`parent` goes with plain paths alone")
                .hint("use names, indices and [*] in `records.path` and in the parents' paths"));
        }
        if full.pick.is_some() && request.batch.is_some() {
            return Err(Error::new(Kind::Invalid, "`pick` and `batch` do not go together")
                .hint("a pick looks at the records of one slice: ask for one slice at a time"));
        }
        let pick = full
            .pick
            .map(|pick| Ok::<_, Error>((pick.clone(), Expression::new(&pick.condition)?)))
            .transpose()?;
        let onward = copy
            .position
            .clone()
            .map(|written| Onward::new(written, request.from.as_ref()));
        let onward = onward.transpose()?;
        let levels = copy.parents.iter().map(|level| Level::new(level, request));
        Ok(Plan {
            levels: levels.collect::<Result<_>>()?,
            windows: copy.windows.as_ref().map(Windows::new).transpose()?,
            export: copy.export.as_ref().map(Export::new).transpose()?,
            common: Common::new(request, onward.as_ref().and_then(|onward| onward.word())),
            onward,
            form: Arc::new(decoder::form(copy.decoder.as_ref(), &records, !parents.is_empty())?),
            templates: Templates::new(&copy.request)?,
            paginator: Paginator::new(copy.paginate.as_ref(), copy.request.graphql.is_some())?,
            records,
            missing: full.missing,
            parents,
            pick,
            batch: request.batch.clone(),
            copy,
        })
    }

    /// The first request of these slices: what of it pages differ in, and the rest.
    ///
    /// # Errors
    /// `Invalid` when a template cannot be filled in.
    pub fn call(&self, base: &Url, identity: &str, slices: &[&Slice], extra: &Extra) -> Result<(Call, Asked)> {
        use super::copy::Blocks;
        let words = Words::new(slices, self.batch.as_ref(), &self.common, extra);
        let mut asked = self.templates.request(base, &words)?;
        if let Some(accept) = self.form.accept()
            && !asked
                .headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("accept"))
        {
            asked.headers.push(("accept".into(), accept.into()));
        }
        let endpoint = key_below(identity, self.copy.request.path());
        let labels: Vec<String> = slices.iter().map(|s| s.labels.key()).collect();
        let slice = format!("{endpoint} {}", sha256(labels.join("\n")));
        let blocks = match self.copy.retry_after.blocks {
            Blocks::Connection => identity.to_string(),
            Blocks::Endpoint => endpoint.clone(),
            Blocks::Slice => slice.clone(),
        };
        let call = Call {
            method: self.method(),
            url: asked.url.clone(),
            headers: Vec::new(),
            body: None,
            on_disk: self.form.on_disk(),
            keys: vec![endpoint, slice],
            blocks,
        };
        Ok((call, asked))
    }

    /// Whether the same slices are asked for in several ways.
    pub fn has_turns(&self) -> bool {
        !self.levels.is_empty() || self.windows.is_some() || self.export.is_some()
    }

    /// How it is asked.
    pub fn method(&self) -> Method {
        match self.copy.request.post {
            Some(_) => Method::POST,
            None => Method::GET,
        }
    }

    /// What identifies a request with its pages: two reads with equal ones would get the same answers.
    pub fn request_hash(&self, call: &Call, asked: &Asked) -> String {
        let Plan { copy, .. } = self;
        sha256(format!(
            "{} {}\n{:?}\n{:?}",
            call.method,
            asked.text(),
            copy.paginate,
            copy.decoder
        ))
    }

    /// What an answer to a query of GraphQL says went wrong, whatever its status.
    pub fn graphql_error(&self, body: &[u8]) -> Option<Error> {
        self.copy.request.graphql.as_ref()?;
        let range = crate::json::find::fields(body, &["errors"]).ok()?.pop()??;
        let errors: serde_json::Value = serde_json::from_slice(&body[range]).ok()?;
        let first = errors.as_array()?.first()?;
        let said = first.get("message").and_then(serde_json::Value::as_str);
        let message = match said {
            Some(said) => format!("the query of GraphQL failed: {}", crate::columns::short(said)),
            None => "the query of GraphQL failed".to_string(),
        };
        let error = Error::new(Kind::BadData, message).code(segue_diag::REST_GRAPHQL);
        Some(error.hint("look at `request.graphql`; what passes by itself is asked again where a rule says so: `errors: [ { status: 200, body: THROTTLED, then: retry } ]`"))
    }

    /// Whether a slice may be read from kept answers. Of what is asked in several turns nobody can tell which of them was the last, and what
    /// was read onwards is not all there is.
    pub fn may_be_replayed(&self) -> bool {
        !self.has_turns() && self.onward.is_none()
    }

    /// Whether kept answers themselves tell whether there are more.
    pub fn is_followed_by_what_is_kept(&self) -> bool {
        !self.paginator.is_told_by_header() && !self.form.has_parts()
    }

    /// What the rules say of this answer, the first that fits.
    pub fn rule(&self, status: u16, body: &[u8]) -> Option<Then> {
        let holds = |text: &str| String::from_utf8_lossy(body).contains(text);
        let fits = |rule: &&ErrorRule| rule.status.has(status) && rule.body.as_deref().is_none_or(holds);
        self.copy.errors.iter().find(fits).map(|rule| rule.then)
    }
}

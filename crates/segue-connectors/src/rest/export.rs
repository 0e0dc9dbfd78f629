//! Exports: the server is asked to prepare an answer, it is looked after until it is ready, downloaded, and what is left of it is removed.

use super::asked::Asked;
use super::copy::{Export as Written, Request};
use super::group::{End, Parked};
use super::read::Reading;
use super::run::Run;
use super::template::{Extra, Templates, Words, scalar};
use super::turns::Turns;
use crate::http::{Answer, Call, Method, Verdict, status_error};
use crate::json::Path;
use segue_core::source::Read;
use segue_core::{Error, Kind, Result, Slice};
use serde_json::{Map, Value};
use std::time::Duration;
use url::Url;

/// No export has more files.
const MOST_FILES: usize = 100_000;

/// An export, read once.
pub struct Export {
    job: Vec<(String, Path)>,
    poll: Templates,
    status: Path,
    done: Vec<String>,
    failed: Vec<String>,
    every: Duration,
    longest: Duration,
    links: Option<Path>,
    download: Option<Templates>,
    clean_up: Option<(Method, Templates)>,
}

/// One that the server was asked for, and of which something may be left there.
pub struct Job {
    slices: Vec<usize>,
    extra: Extra,
}

fn templates(path: &str) -> Result<Templates> {
    Templates::new(&Request::of_path(path))
}

impl Export {
    /// Reads it.
    ///
    /// # Errors
    /// `Invalid` for a template or a path that cannot be read.
    pub fn new(written: &Written) -> Result<Export> {
        let job = written
            .job
            .iter()
            .map(|(name, path)| Ok((name.clone(), Path::parse(path)?)));
        let (links, download) = match (&written.download.links, &written.download.get) {
            (Some(links), None) => (Some(Path::parse(links)?), None),
            (None, Some(path)) => (None, Some(templates(path)?)),
            _ => {
                let what = "`export.download` wants exactly one of links and get";
                return Err(Error::new(Kind::Invalid, what));
            }
        };
        let clean_up = match written.clean_up.as_ref().map(|c| (&c.delete, &c.post)) {
            None => None,
            Some((Some(path), None)) => Some((Method::DELETE, templates(path)?)),
            Some((None, Some(path))) => Some((Method::POST, templates(path)?)),
            Some(_) => {
                let what = "`export.clean_up` wants exactly one of delete and post";
                return Err(Error::new(Kind::Invalid, what));
            }
        };
        if written.poll.every.get().is_zero() {
            return Err(Error::new(Kind::Invalid, "`export.poll.every` is no time").hint("write `10s`"));
        }
        Ok(Export {
            job: job.collect::<Result<_>>()?,
            poll: templates(&written.poll.get)?,
            status: Path::parse(&written.poll.status)?,
            done: written.poll.done.clone(),
            failed: written.poll.failed.clone(),
            every: written.poll.every.get(),
            longest: written.poll.longest.get(),
            links,
            download,
            clean_up,
        })
    }
}

impl Reading {
    /// Has an answer prepared, and puts what is then to be downloaded into the turns.
    ///
    /// # Errors
    /// As [`Reading::turn`].
    pub(super) async fn export(
        &self,
        slices: &[usize],
        turns: &mut Turns,
        extra: Extra,
    ) -> Result<std::result::Result<(), End>> {
        let Some(export) = &self.plan.export else {
            return Err(Error::bug("there is no export"));
        };
        let members: Vec<&Slice> = slices.iter().map(|i| &self.slices[*i]).collect();
        let settings = self.http.settings();
        let (call, asked) = self
            .plan
            .call(&settings.base_url, &settings.identity, &members, &extra)?;
        let in_memory = Call { on_disk: None, ..call };
        let submitted = match self.plain_answer(&asked.call(&in_memory)?).await? {
            Ok(answer) => answer,
            Err(end) => return Ok(Err(end)),
        };
        let mut job = Map::new();
        for (name, path) in &export.job {
            let value = path.value_in(&submitted.body).ok().flatten().filter(|v| !v.is_null());
            let lacks = || {
                failed(format!("the answer that begins the export lacks `{name}`"))
                    .hint("look at `job` of the copy's `export`, and at what the server answers")
            };
            job.insert(name.clone(), value.ok_or_else(lacks)?);
        }
        let extra = extra.with("job", Value::Object(job));
        // From here on something may be left on the server.
        turns.job = Some(Job {
            slices: slices.to_vec(),
            extra: extra.clone(),
        });
        let look = self.call_of(&export.poll, Method::GET, &in_memory, &members, &extra)?;
        let begun = self.ctx.clock.elapsed();
        let ready = loop {
            let answer = match self.plain_answer(&look).await? {
                Ok(answer) => answer,
                Err(end) => return Ok(Err(end)),
            };
            let status = export.status.value_in(&answer.body).ok().flatten().map(|v| scalar(&v));
            let is = |words: &[String]| {
                status
                    .as_ref()
                    .is_some_and(|s| words.iter().any(|w| w.eq_ignore_ascii_case(s)))
            };
            if is(&export.done) {
                break answer;
            }
            if is(&export.failed) {
                let said = crate::columns::short(&status.unwrap_or_default());
                let error = failed(format!("the server could not prepare the export: it is `{said}`"));
                return Ok(Err(End::Failed(error)));
            }
            let waited = self.ctx.clock.elapsed().saturating_sub(begun);
            if waited + export.every > export.longest {
                let last = status.map_or("nothing".to_string(), |s| format!("`{}`", crate::columns::short(&s)));
                let reason = format!(
                    "the export is not ready after {} s: its status is {last}",
                    waited.as_secs()
                );
                return Ok(Err(Parked::because(reason)));
            }
            let wait = async {
                self.ctx.clock.sleep(export.every).await;
                Ok(())
            };
            if !self.http.is_replay() {
                self.ctx.or_cancelled(wait).await?;
            }
        };
        for asked in self.downloads(export, &ready, &members, &extra)? {
            let call = Call {
                method: Method::GET,
                on_disk: self.plan.form.on_disk(),
                ..in_memory.clone()
            };
            turns
                .pending
                .push_back(Run::new(&self.plan, call, asked, extra.clone()));
        }
        Ok(Ok(()))
    }

    /// What is downloaded of an export that is ready.
    fn downloads(&self, export: &Export, ready: &Answer, members: &[&Slice], extra: &Extra) -> Result<Vec<Asked>> {
        let base = &self.http.settings().base_url;
        if let Some(download) = &export.download {
            let words = Words::new(members, self.plan.batch.as_ref(), &self.plan.common, extra);
            return Ok(vec![download.request(base, &words)?]);
        }
        let Some(path) = &export.links else {
            return Ok(Vec::new());
        };
        let tree: Value = serde_json::from_slice(&ready.body).map_err(|_| {
            Error::new(Kind::BadData, "the answer that tells of the export is not JSON").code(segue_diag::REST_NOT_JSON)
        })?;
        let found = path.all(&tree).into_iter().flat_map(|value| match value {
            Value::Array(items) => items.iter().collect(),
            one => vec![one],
        });
        let found: Vec<&Value> = found.collect();
        if found.len() > MOST_FILES {
            return Err(failed(format!("the export has more than {MOST_FILES} files")));
        }
        let link = |value: &&Value| -> Result<Asked> {
            let url = value.as_str().and_then(|text| base.join(text).ok());
            let url: Url = url.ok_or_else(|| failed("a link of the export is no URL"))?;
            Ok(Asked {
                url,
                headers: Vec::new(),
                body: None,
            })
        };
        found.iter().map(link).collect()
    }

    /// Asks for what is no page of records.
    async fn plain_answer(&self, call: &Call) -> Result<std::result::Result<Answer, End>> {
        let judge = |answer: &Answer| match answer.status {
            408 | 425 | 429 | 500.. => {
                let error = status_error(answer.status);
                Verdict::Retry(match error.kind().is_transient() {
                    true => error,
                    false => Error::new(Kind::Unavailable, error.message()),
                })
            }
            _ => Verdict::Accept,
        };
        let answer = match self.answer(call, &judge).await? {
            Ok(answer) => answer,
            Err(end) => return Ok(Err(end)),
        };
        match self.meaning(&self.plan, &answer)? {
            // Nothing in it: whoever takes something from it says so.
            None | Some(End::Complete) => Ok(Ok(answer)),
            Some(end) => Ok(Err(end)),
        }
    }

    fn call_of(&self, of: &Templates, method: Method, like: &Call, members: &[&Slice], extra: &Extra) -> Result<Call> {
        let words = Words::new(members, self.plan.batch.as_ref(), &self.plan.common, extra);
        let asked = of.request(&self.http.settings().base_url, &words)?;
        asked.call(&Call {
            method,
            on_disk: None,
            ..like.clone()
        })
    }

    /// Has the server remove what is left of an export. Where it does not, that is said and no more.
    ///
    /// # Errors
    /// What concerns the connection as a whole.
    pub(super) async fn clean_up(&self, job: Job) -> Result<()> {
        let Some((method, templates)) = self.plan.export.as_ref().and_then(|export| export.clean_up.as_ref()) else {
            return Ok(());
        };
        let members: Vec<&Slice> = job.slices.iter().map(|i| &self.slices[*i]).collect();
        let settings = self.http.settings();
        let (call, _) = self
            .plan
            .call(&settings.base_url, &settings.identity, &members, &job.extra)?;
        let call = self.call_of(templates, method.clone(), &call, &members, &job.extra)?;
        let judge = |answer: &Answer| match answer.status {
            429 | 500.. => Verdict::Retry(Error::new(Kind::Unavailable, status_error(answer.status).message())),
            _ => Verdict::Accept,
        };
        let why = match self.answer(&call, &judge).await {
            Ok(Ok(answer)) if answer.status < 400 || matches!(answer.status, 404 | 410) => return Ok(()),
            Ok(Ok(answer)) => status_error(answer.status).message().to_string(),
            Ok(Err(End::Parked(parked))) => parked.reason,
            Ok(Err(_)) => "it was not answered".into(),
            Err(error) if error.kind() == Kind::Cancelled => return Err(error),
            Err(error) => error.message().to_string(),
        };
        self.send(Read::Note(format!("an export may be left on the server: {why}")))
            .await
    }
}

/// An export that came to nothing.
fn failed(what: impl Into<String>) -> Error {
    Error::new(Kind::BadData, what).code(segue_diag::REST_EXPORT)
}

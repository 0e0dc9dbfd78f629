//! Answers that a server prepares: an asynchronous retriever in the words of `export:`.

use super::asking::{Ask, requester, same_connection};
use super::stream::Asked;
use super::tree::{Part, Res};
use super::words::{Scope, inside};
use super::{Manifest, records};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::rc::Rc;

/// An export in our words.
pub struct Job {
    /// What is asked first, and how what is downloaded is read.
    pub asked: Asked,
    /// The export.
    pub export: Value,
}

/// Translates an asynchronous retriever.
///
/// # Errors
/// Where it has no like here.
pub fn translate(
    manifest: &Manifest<'_>,
    part: &Part,
    scope: &Scope,
    prepare: &dyn Fn(&mut Ask) -> Res<()>,
) -> Res<Job> {
    let creation = part.needs("creation_requester")?;
    let mut ask = requester(manifest, &creation, scope)?;
    prepare(&mut ask)?;
    if !["get", "post"].contains(&ask.method.as_str()) {
        return Err(creation.stop(format!(
            "an export that is begun by {} is not known",
            ask.method.to_uppercase()
        )));
    }
    let taken = Rc::new(RefCell::new(Vec::new()));
    let later = Scope {
        job: Some(taken.clone()),
        ..scope.clone()
    };
    let path_of = |key: &str, method: &str| -> Res<Option<String>> {
        let Some(written) = part.own(key) else { return Ok(None) };
        let found = requester(manifest, &written, &later)?;
        same_connection(&written, &found, &ask)?;
        if found.method != method {
            return Err(written.stop(format!(
                "it is asked by {}, and not by {}",
                found.method.to_uppercase(),
                method.to_uppercase()
            )));
        }
        if !found.headers.is_empty() || found.body.is_some() {
            return Err(written.stop("it has headers or a body of its own"));
        }
        let pairs: Vec<String> = found
            .query
            .iter()
            .map(|(name, value)| format!("{name}={}", plain(value)))
            .collect();
        let question = if pairs.is_empty() {
            String::new()
        } else {
            format!("?{}", pairs.join("&"))
        };
        Ok(Some(format!("{}{question}", found.path)))
    };
    let look = path_of("polling_requester", "get")?.ok_or_else(|| part.stop("`polling_requester` is missing"))?;
    let mut export = Map::new();
    let mut poll = Map::new();
    poll.insert("get".into(), look.into());
    poll.insert(
        "status".into(),
        pointer(manifest, &part.needs("status_extractor")?)?.into(),
    );
    let statuses = part.needs("status_mapping")?;
    let words = |keys: &[&str]| -> Vec<Value> {
        let lists = keys.iter().filter_map(|key| statuses.own(key));
        lists
            .flat_map(|list| list.items())
            .filter_map(|p| p.text())
            .map(Value::from)
            .collect()
    };
    poll.insert("done".into(), words(&["completed"]).into());
    poll.insert("failed".into(), words(&["failed", "timeout"]).into());
    statuses.own("running");
    if statuses.own("skipped").is_some() {
        manifest.differs(&statuses, "exports that are skipped are waited for");
    }
    if let Some(timeout) = part.own("polling_job_timeout") {
        match timeout.whole() {
            Some(minutes) => drop(poll.insert("longest".into(), format!("{minutes}m").into())),
            None => manifest.differs(
                &timeout,
                "how long an export may take is no number that is known now: an hour",
            ),
        }
    }
    if let Some(waits) = part.own("failed_retry_wait_time_in_seconds") {
        manifest.differs(&waits, "an export that failed is asked for again by the next run");
    }
    let download = part.needs("download_requester")?;
    let target = part.own("download_target_extractor");
    let url = download
        .get("url")
        .or_else(|| download.get("url_base"))
        .and_then(|p| p.text())
        .unwrap_or_default();
    let is_target = matches!(
        inside(&url),
        Some("download_target" | "stream_slice['url']" | "stream_partition['url']")
    );
    let found = match (is_target, &target) {
        (true, Some(target)) => {
            manifest.differs(
                &download,
                "where the files lie on another server, name it in `allowed_hosts` of the connection",
            );
            json!({ "links": pointer(manifest, target)? })
        }
        (true, None) => return Err(download.stop("`download_target_extractor` is missing")),
        (false, _) => json!({ "get": path_of("download_requester", "get")?.unwrap_or_default() }),
    };
    if let Some(delete) = path_of("delete_requester", "delete")? {
        export.insert("clean_up".into(), json!({ "delete": delete }));
    }
    if let Some(abort) = part.own("abort_requester") {
        manifest.differs(&abort, "an export that is given up is removed, and not stopped first");
    }
    if let Some(target) = part.own("download_target_requester") {
        return Err(target.stop("links that are asked for by a request of their own have no like here"));
    }
    if let Some(paginator) = part.own("download_paginator").filter(|p| p.kind() != "NoPagination") {
        return Err(paginator.stop("downloads in pages have no like here"));
    }
    let decoder = part.own("download_decoder").or_else(|| part.own("decoder"));
    part.own("decoder");
    let items = decoder.as_ref().and_then(|d| d.own("items_path"));
    let decoder = records::decoder(manifest, decoder.as_ref())?;
    let selector = part.needs("record_selector")?;
    if let Some(extractor) = part
        .own("download_extractor")
        .filter(|e| !e.items().is_empty() || e.is_custom())
    {
        return Err(extractor.stop("how records are taken out of what is downloaded is not known"));
    }
    let shape = records::Shape::of(decoder.as_ref(), true, items.as_ref());
    let records = records::selector(manifest, &selector, scope, &shape)?;
    let job: Map<String, Value> = taken
        .borrow()
        .iter()
        .map(|(name, path)| (name.clone(), path.clone().into()))
        .collect();
    if job.is_empty() {
        return Err(part.stop("nothing of the answer that begins the export is used afterwards"));
    }
    let mut whole = Map::new();
    whole.insert("job".into(), Value::Object(job));
    whole.insert("poll".into(), Value::Object(poll));
    whole.insert("download".into(), found);
    whole.extend(export);
    manifest.unasked(&statuses);
    Ok(Job {
        asked: Asked {
            ask,
            paginate: None,
            decoder,
            records,
        },
        export: Value::Object(whole),
    })
}

/// Where a value stands, as an extractor says it.
fn pointer(manifest: &Manifest<'_>, extractor: &Part) -> Res<String> {
    extractor.no_code()?;
    let mut steps = Vec::new();
    for step in extractor.needs("field_path")?.items() {
        steps.push(super::words::Step::Name(manifest.words(&step, &Scope::default())?));
    }
    Ok(super::words::json_path(&steps))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

//! A stream as an asset.

use super::asking::{Ask, requester, same_connection};
use super::columns::Columns;
use super::slicing::{self, Cursor, Slices};
use super::tree::{Part, Res};
use super::words::Scope;
use super::{Manifest, jobs, paging, records};
use serde_json::{Map, Value, json};

/// A request with how its pages are read.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is asked.
    pub ask: Ask,
    /// How the next page is.
    pub paginate: Option<Value>,
    /// What answers are written in.
    pub decoder: Option<Value>,
    /// Where the records stand.
    pub records: Value,
}

/// A stream in our words: what it is asked of, and the asset but for its name and its connection.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its name there.
    pub name: String,
    /// What it is asked by.
    pub ask: Ask,
    /// The copy, without `from`.
    pub copy: Map<String, Value>,
    /// How new rows meet the old ones.
    pub write: Map<String, Value>,
}

/// Translates a plain retriever's request. `prepare` adds to what is asked before its pages are looked at.
///
/// # Errors
/// Where it has no like here.
pub fn asked(
    manifest: &Manifest<'_>,
    retriever: &Part,
    scope: &Scope,
    prepare: &dyn Fn(&mut Ask) -> Res<()>,
) -> Res<Asked> {
    let mut ask = requester(manifest, &retriever.needs("requester")?, scope)?;
    prepare(&mut ask)?;
    let paginator = retriever.own("paginator");
    let paginate = paging::translate(manifest, paginator.as_ref(), &mut ask)?;
    check_method(retriever, &ask)?;
    let decoder = retriever.own("decoder");
    let items = decoder.as_ref().and_then(|d| d.own("items_path"));
    let decoder = records::decoder(manifest, decoder.as_ref())?;
    let selector = retriever.needs("record_selector")?;
    let shape = records::Shape::of(decoder.as_ref(), paginate.is_some(), items.as_ref());
    let records = records::selector(manifest, &selector, scope, &shape)?;
    if retriever.own("pagination_reset").is_some() {
        return Err(retriever.stop("pages that are begun anew where a server gives no more have no like here (`offset.cap` has one for offsets)"));
    }
    // It says which of two parameters of one name is sent on later pages: ours is there once.
    retriever.own("ignore_stream_slicer_parameters_on_paginated_requests");
    Ok(Asked {
        ask,
        paginate,
        decoder,
        records,
    })
}

fn check_method(part: &Part, ask: &Ask) -> Res<()> {
    match ask.method.as_str() {
        "get" if ask.body.is_some() => Err(part.stop("a GET with a body is not sent")),
        "get" | "post" => Ok(()),
        other => Err(part.stop(format!("a request by {} is not sent for records", other.to_uppercase()))),
    }
}

/// Translates a stream.
///
/// # Errors
/// Where it has no like here.
pub fn translate(manifest: &Manifest<'_>, part: &Part, name: &str) -> Res<Stream> {
    part.no_code()?;
    part.own("name");
    let retriever = part.needs("retriever")?;
    retriever.no_code()?;
    if let Some(uploader) = part.own("file_uploader") {
        return Err(uploader.stop("files that come with records are not copied"));
    }
    if let Some(migrations) = part.own("state_migrations") {
        manifest.differs(
            &migrations,
            "a state of before is not taken over: the first run begins anew",
        );
    }
    let mut slices = Slices::default();
    if let Some(router) = retriever.own("partition_router") {
        slicing::route(manifest, &router, &mut slices)?;
    }
    let cursor = match part.own("incremental_sync") {
        None => None,
        Some(cursor) => Some((slicing::cursor(manifest, &cursor, &mut slices.scope)?, cursor)),
    };
    let prepare = |ask: &mut Ask| {
        for (option, template) in &slices.injected {
            ask.inject(option, template)?;
        }
        for (option, template) in cursor.iter().flat_map(|(cursor, _)| &cursor.injected) {
            ask.inject(option, template)?;
        }
        Ok(())
    };
    let mut copy = Map::new();
    let (asked, export) = match retriever.kind().as_str() {
        "AsyncRetriever" => {
            let job = jobs::translate(manifest, &retriever, &slices.scope, &prepare)?;
            (job.asked, Some(job.export))
        }
        "SimpleRetriever" | "" => (asked(manifest, &retriever, &slices.scope, &prepare)?, None),
        other => return Err(retriever.stop(format!("a retriever of kind {other} is not known"))),
    };
    let Asked {
        ask,
        paginate,
        decoder,
        records,
    } = asked;
    for (config, parent) in &slices.asks {
        same_connection(config, &ask, parent)?;
    }
    retriever.own("name");
    manifest.unasked(&retriever);
    let mut columns = Columns::of(manifest, part, &slices.scope)?;
    let labels: Vec<String> = slices
        .elements
        .iter()
        .flatten()
        .next()
        .map_or(Vec::new(), |e| e.keys().cloned().collect());
    let labels: Vec<String> = labels.iter().map(|name| columns.label(name)).collect();
    if let Some(elements) = &slices.elements {
        copy.insert("for_each".into(), json!({ "list": elements }));
    }
    if !slices.parents.is_empty() {
        copy.insert("parents".into(), slices.parents.clone().into());
    }
    let request = ask.request();
    let keys = keys(part, &mut columns);
    let mut write = Map::new();
    let names_windows = |value: &Value| value.to_string().contains("window.");
    let is_windowed = names_windows(&Value::Object(request.clone())) || slices.parents.iter().any(names_windows);
    let is_windowed = is_windowed || names_windows(&records);
    if let Some((cursor, _)) = &cursor
        && let Some(windows) = cursor.windows.as_ref().filter(|_| is_windowed)
    {
        copy.insert("windows".into(), Value::Object(windows.clone()));
    }
    copy.insert("request".into(), Value::Object(request));
    for (key, value) in [
        ("export", export),
        ("paginate", paginate),
        ("decoder", decoder),
        ("records", Some(records)),
    ] {
        if let Some(value) = value {
            copy.insert(key.into(), value);
        }
    }
    if let Some((cursor, at)) = &cursor {
        position(
            manifest,
            &Onward {
                cursor,
                at,
                is_windowed,
                is_sliced: slices.elements.is_some(),
            },
            &keys,
            &mut columns,
            &mut copy,
        );
    }
    if let Some(columns) = columns.written() {
        copy.insert("columns".into(), columns);
    }
    if !labels.is_empty() {
        copy.insert("slice".into(), labels.clone().into());
    }
    if !ask.errors.is_empty() {
        copy.insert("errors".into(), ask.errors.clone().into());
    }
    match (copy.contains_key("position"), keys.is_empty()) {
        (true, true) => drop(write.insert("mode".into(), "append".into())),
        (true, false) => {
            write.insert("mode".into(), "merge".into());
            write.insert("key".into(), keys.into());
        }
        (false, is_keyless) => {
            write.insert("mode".into(), "replace".into());
            if !is_keyless {
                let all: Vec<String> = labels
                    .iter()
                    .filter(|l| !keys.contains(l))
                    .chain(&keys)
                    .cloned()
                    .collect();
                write.insert("key".into(), all.into());
            }
            write.insert("allow_empty".into(), true.into());
        }
    }
    manifest.unasked(part);
    Ok(Stream {
        name: name.to_string(),
        ask,
        copy,
        write,
    })
}

/// The columns of a stream's primary key.
fn keys(part: &Part, columns: &mut Columns) -> Vec<String> {
    let Some(key) = part.get("primary_key") else {
        return Vec::new();
    };
    let fields: Vec<String> = match key.text() {
        Some(one) => vec![one],
        None => {
            let each = |item: &Part| match item.text() {
                Some(one) => Some(one),
                None => {
                    let steps: Vec<String> = item.items().iter().filter_map(Part::text).collect();
                    (steps.len() == 1).then(|| steps.join("."))
                }
            };
            key.items().iter().filter_map(each).collect()
        }
    };
    let mut all: Vec<String> = Vec::new();
    for field in fields.iter().filter(|f| !f.is_empty()) {
        let column = columns.column(field, None);
        if !all.contains(&column) {
            all.push(column);
        }
    }
    all
}

/// What a cursor has to do with the rest.
struct Onward<'a> {
    cursor: &'a Cursor,
    at: &'a Part,
    is_windowed: bool,
    is_sliced: bool,
}

fn position(
    manifest: &Manifest<'_>,
    onward: &Onward<'_>,
    keys: &[String],
    columns: &mut Columns,
    copy: &mut Map<String, Value>,
) {
    let Onward { cursor, at, .. } = onward;
    if onward.is_sliced {
        manifest.differs(
            at,
            "where a list is asked for, each of its elements is read as a whole each time",
        );
        return;
    }
    let column = columns.column(&cursor.field, cursor.of);
    if onward.is_windowed && !columns.is_declared() && cursor.of != Some("int64") {
        manifest.differs(
            at,
            "without a schema the times are texts: each run asks from the first window on, and leaves out what it knows; declare the columns to begin where the last run ended",
        );
    }
    if onward.is_windowed && columns.is_declared() && cursor.of.is_none() {
        manifest.differs(
            at,
            "the times of the records are none in RFC 3339, and stay texts: each run asks from the first window on",
        );
    }
    let mut position = Map::new();
    position.insert("column".into(), column.into());
    match &cursor.lag {
        Some(_) if keys.is_empty() => manifest.differs(
            at,
            "`lookback_window` without a primary key is left out: rows that are read twice would be there twice",
        ),
        Some(_) if !matches!(cursor.of, Some("timestamp" | "date")) || !columns.is_declared() => {
            manifest.differs(at, "`lookback_window` is left out: the column is none of a time");
        }
        Some(lag) => drop(position.insert("lag".into(), lag.as_str().into())),
        None => {}
    }
    copy.insert("position".into(), Value::Object(position));
    let has_turns = ["parents", "windows", "export"]
        .iter()
        .any(|key| copy.contains_key(*key));
    if cursor.newest_first {
        match has_turns {
            true => manifest.differs(at, "that the newest come first is left out: all pages are read"),
            false => drop(copy.insert("newest_first".into(), true.into())),
        }
    }
}

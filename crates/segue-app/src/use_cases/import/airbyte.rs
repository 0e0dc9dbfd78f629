//! Airbyte's low-code manifests: a connector in YAML, as connections and assets in our words.
//!
//! What has no like here is left out and told, each with its place: a stream whose rows would not be the same is left out whole.

mod asking;
mod auth;
mod columns;
mod jobs;
mod paging;
mod records;
mod slicing;
mod stream;
mod tree;
mod words;

use super::yaml::written;
use super::{Effect, Remark};
use crate::use_cases::adding::NewFile;
use segue_connectors::columns::named;
use segue_core::{Error, Kind, Result};
use segue_diag::{Diagnostic, IMPORT_UNREADABLE, Severity};
use segue_spec::yaml::{Node, parse};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use stream::Stream;
use tree::{Part, References, Res, Stop};
use words::Scope;

/// A manifest that is translated.
pub(super) struct Manifest<'t> {
    text: &'t str,
    /// What settings of it are called in front: `GITHUB`.
    prefix: String,
    spec: Option<Value>,
    remarks: RefCell<Vec<Remark>>,
    /// The stream that is translated now.
    stream: RefCell<Option<String>>,
}

/// What became of a manifest.
pub(super) struct Translated {
    /// The files that a project gets.
    pub files: Vec<NewFile>,
    /// The assets, by the name of their stream.
    pub assets: Vec<(String, String)>,
    /// What is not as it was there.
    pub remarks: Vec<Remark>,
}

/// Translates a manifest; `name` is that of the connection and of the schema of its assets.
///
/// # Errors
/// `Invalid` for what is no manifest.
pub(super) fn translate(file: &str, text: &str, name: &str) -> Result<Translated> {
    let mut found = Vec::new();
    let parsed = parse(file, text, &mut found);
    let bad = |why: String| {
        Error::new(Kind::Invalid, format!("{file} cannot be imported: {why}"))
            .code(IMPORT_UNREADABLE)
            .hint("it wants a low-code manifest: YAML with `streams:`")
    };
    let errors = found.iter().filter(|d: &&Diagnostic| d.severity == Severity::Error);
    // Of what is wrong with YAML only what keeps it from being read matters here.
    if parsed.broken {
        let why = errors
            .map(|d| d.message.clone())
            .next_back()
            .unwrap_or_else(|| "it is no YAML".into());
        return Err(bad(why));
    }
    let root = parsed.root.ok_or_else(|| bad("it is empty".into()))?;
    if root.get("streams").is_none() && root.get("dynamic_streams").is_none() {
        return Err(bad("it has no `streams:`".into()));
    }
    let spec = root.at(&["spec", "connection_specification"]).map(Node::to_json);
    let manifest = Manifest {
        text,
        prefix: name.to_uppercase(),
        spec,
        remarks: RefCell::default(),
        stream: RefCell::default(),
    };
    let streams = manifest.streams(&root);
    manifest.whole(&root);
    Ok(manifest.project(name, streams, &root))
}

impl Manifest<'_> {
    /// All streams that can be translated.
    fn streams(&self, root: &Node) -> Vec<Stream> {
        let mut all = Vec::new();
        let listed = root.get("streams").map_or(&[][..], Node::items);
        for (at, node) in listed.iter().enumerate() {
            self.one(root, node, &format!("streams[{at}]"), &mut all);
        }
        let dynamic = root.get("dynamic_streams").map_or(&[][..], Node::items);
        for (at, node) in dynamic.iter().enumerate() {
            let part = Part::root(node.clone(), &format!("dynamic_streams[{at}]"));
            let name = part.text_of("name").unwrap_or_else(|| part.place.clone());
            *self.stream.borrow_mut() = Some(name);
            self.left_out(&part.stop("streams that are known when the server has been asked have no like here"));
            *self.stream.borrow_mut() = None;
        }
        all
    }

    fn one(&self, root: &Node, node: &Node, place: &str, all: &mut Vec<Stream>) {
        let followed = match References::of(root).follow(node, place) {
            Ok(followed) => followed,
            Err(stop) => return self.left_out(&stop),
        };
        let part = Part::root(followed, place);
        match part.kind().as_str() {
            "ConditionalStreams" => {
                let streams = part.own("streams").map(|p| p.items()).unwrap_or_default();
                self.differs(&part, "streams that are there by a condition are there in any case");
                return streams.iter().for_each(|inner| self.stream(inner, all));
            }
            "StateDelegatingStream" => {
                self.differs(
                    &part,
                    "of its two streams the one that goes on is taken, also for the first run",
                );
                if let Some(inner) = part.own("incremental_stream") {
                    self.stream(&inner, all);
                }
                return;
            }
            _ => {}
        }
        self.stream(&part, all);
    }

    fn stream(&self, part: &Part, all: &mut Vec<Stream>) {
        let name = part.text_of("name").unwrap_or_else(|| part.place.clone());
        let name = self.translated(part, &name, &Scope::default()).unwrap_or(name);
        *self.stream.borrow_mut() = Some(name.clone());
        let before = self.remarks.borrow().len();
        match stream::translate(self, part, &name) {
            Ok(stream) => all.push(stream),
            Err(stop) => {
                // What else could be said of it does not matter any more.
                self.remarks.borrow_mut().truncate(before);
                self.left_out(&stop);
            }
        }
        *self.stream.borrow_mut() = None;
    }

    /// What a manifest says beside its streams.
    fn whole(&self, root: &Node) {
        const KNOWN: [&str; 14] = [
            "version",
            "type",
            "check",
            "streams",
            "dynamic_streams",
            "definitions",
            "schemas",
            "spec",
            "metadata",
            "description",
            "api_budget",
            "concurrency_level",
            "max_concurrent_async_job_count",
            "stream_groups",
        ];
        for entry in root
            .entries()
            .iter()
            .filter(|e| !KNOWN.contains(&e.key.as_str()) && !e.key.starts_with('$'))
        {
            let part = Part::root(entry.value.clone(), &entry.key);
            self.differs(&part, format!("`{}` is not known, and left out", entry.key));
        }
        let spec = root.get("spec").map(|node| Part::root(node.clone(), "spec"));
        if let Some(rules) = spec.as_ref().and_then(|spec| spec.own("config_normalization_rules")) {
            self.differs(&rules, "settings are taken as they are given");
        }
    }

    /// `limits:` of a connection.
    fn limits(&self, root: &Node, tries: Option<u64>) -> Option<Value> {
        let mut limits = Map::new();
        let budget = root
            .get("api_budget")
            .and_then(|node| References::of(root).follow(node, "api_budget").ok());
        if let Some(budget) = budget.map(|node| Part::root(node, "api_budget")) {
            let mut quotas = Vec::new();
            for policy in budget.own("policies").iter().flat_map(Part::items) {
                match self.policy(&policy) {
                    Ok((rate, paths)) if paths.is_empty() && !limits.contains_key("rate") => {
                        limits.insert("rate".into(), rate.into());
                    }
                    Ok((rate, paths)) => {
                        let name = format!("budget_{}", quotas.len() + 1);
                        let mut quota =
                            Map::from_iter([("name".to_string(), name.into()), ("rate".to_string(), rate.into())]);
                        if !paths.is_empty() {
                            quota.insert("paths".into(), paths.into());
                        }
                        quotas.push(Value::Object(quota));
                    }
                    Err(stop) => self.differs_at(&stop),
                }
            }
            if !quotas.is_empty() {
                limits.insert("quotas".into(), quotas.into());
            }
        }
        if let Some(level) = root
            .get("concurrency_level")
            .map(|node| Part::root(node.clone(), "concurrency_level"))
        {
            let most = level.own("max_concurrency").and_then(|p| p.whole());
            match level.own("default_concurrency").and_then(|p| p.whole()).or(most) {
                Some(level) => drop(limits.insert("concurrency".into(), level.clamp(1, 256).into())),
                None => self.differs(&level, "how much is asked at once is a setting there, and 8 here"),
            }
        }
        limits.extend(tries.map(|tries| ("tries".to_string(), tries.into())));
        (!limits.is_empty()).then_some(Value::Object(limits))
    }

    fn policy(&self, policy: &Part) -> Res<(String, Vec<String>)> {
        let rate = match policy.kind().as_str() {
            "FixedWindowCallRatePolicy" => (policy.own("call_limit"), policy.own("period")),
            "MovingWindowCallRatePolicy" => {
                let rates = policy.own("rates").map(|p| p.items()).unwrap_or_default();
                let [rate] = rates.as_slice() else {
                    return Err(policy.stop(
                        "a budget of several rates is left out: write them as `limits.quotas` of the connection",
                    ));
                };
                (rate.own("limit"), rate.own("interval"))
            }
            other => return Err(policy.stop(format!("a budget of kind {other} is left out"))),
        };
        let unknown = || policy.stop("a budget is left out: its numbers are none that are known now");
        let count = rate.0.and_then(|p| p.whole()).ok_or_else(unknown)?;
        let length = rate
            .1
            .and_then(|p| p.text())
            .and_then(|text| slicing::duration(&text))
            .ok_or_else(unknown)?;
        let unit = match length.0.as_str() {
            "1s" => "s",
            "1m" => "m",
            "1h" => "h",
            "1d" => "d",
            _ => {
                return Err(
                    policy.stop("a budget is left out: a rate is by the second, the minute, the hour or the day")
                );
            }
        };
        let mut paths = Vec::new();
        for matcher in policy.own("matchers").iter().flat_map(Part::items) {
            let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "/_-".contains(c));
            let path = matcher
                .own("url_path_pattern")
                .and_then(|p| p.text())
                .unwrap_or_default();
            let path = path.trim_start_matches('^').trim_end_matches('$').replace(".*", "*");
            let others = ["method", "params", "headers", "url_base"]
                .iter()
                .any(|key| matcher.own(key).is_some());
            if others || path.is_empty() || !plain(&path.replace('*', "")) {
                return Err(matcher.stop("a budget is left out: which requests it is of is more than a path"));
            }
            paths.push(format!("/{}", path.trim_start_matches('/')));
        }
        Ok((format!("{count}/{unit}"), paths))
    }

    /// The files of a project: a connection for each server and account, an asset for each stream.
    fn project(self, name: &str, mut streams: Vec<Stream>, root: &Node) -> Translated {
        let mut connections: Vec<(String, Option<Value>)> = Vec::new();
        for stream in &streams {
            let own = (stream.ask.base_url.clone(), stream.ask.auth.clone());
            if !connections.contains(&own) {
                connections.push(own);
            }
        }
        let tries = streams.iter().filter_map(|s| s.ask.tries).max();
        let limits = self.limits(root, tries);
        let mut files = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for (at, (base_url, auth)) in connections.iter().enumerate() {
            let own = if at == 0 {
                name.to_string()
            } else {
                format!("{name}_{}", at + 1)
            };
            let of = |s: &Stream| s.ask.base_url == *base_url && s.ask.auth == *auth;
            let auth = auth
                .clone()
                .or_else(|| lifted(streams.iter_mut().filter(|s| of(s)).collect()));
            let mut connection = Map::new();
            connection.insert("connection".into(), own.clone().into());
            connection.insert("kind".into(), "rest".into());
            connection.insert("base_url".into(), base_url.clone().into());
            connection.extend(auth.map(|auth| ("auth".to_string(), auth)));
            if let Some(limits) = &limits {
                connection.insert("limits".into(), limits.clone());
            }
            files.push(NewFile {
                path: format!("connections/{own}.yaml"),
                text: written(&Value::Object(connection)),
            });
            names.push(own);
        }
        let mut assets = Vec::new();
        for stream in streams {
            let at = connections
                .iter()
                .position(|own| own.0 == stream.ask.base_url && own.1 == stream.ask.auth);
            let connection = at
                .and_then(|at| names.get(at))
                .cloned()
                .unwrap_or_else(|| name.to_string());
            let mut table = named(&stream.name);
            while assets.iter().any(|(_, asset)| *asset == format!("{name}.{table}")) {
                table.push_str("_2");
            }
            let asset = format!("{name}.{table}");
            let mut copy = Map::from_iter([("from".to_string(), Value::from(connection))]);
            copy.extend(stream.copy);
            let text = json!({ "asset": asset, "copy": copy, "write": stream.write });
            files.push(NewFile {
                path: format!("assets/{name}/{table}.yaml"),
                text: written(&text),
            });
            assets.push((stream.name, asset));
        }
        let mut remarks = self.remarks.into_inner();
        remarks.sort_by_key(|r| (r.line, r.column));
        remarks.dedup();
        Translated { files, assets, remarks }
    }

    /// A setting of a manifest, as where a project takes it from.
    pub fn setting(&self, path: &[String], secret: bool) -> String {
        let spec = path
            .iter()
            .try_fold(self.spec.as_ref(), |spec, name| Some(property(spec?, name)));
        let spec = spec.flatten();
        let is_secret = secret || spec.is_some_and(|s| s.get("airbyte_secret") == Some(&Value::Bool(true)));
        let tidy = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        };
        let name: String = path.join("_").chars().map(tidy).collect();
        let name = format!("{}_{name}", self.prefix);
        if is_secret {
            return format!("${{secret:{name}}}");
        }
        let default = spec.and_then(|s| s.get("default")).and_then(|value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            _ => None,
        });
        match default.filter(|text| !text.contains('}')) {
            Some(default) => format!("${{env:{name}:-{default}}}"),
            None => format!("${{env:{name}}}"),
        }
    }

    /// The settings that a text names, whatever else it is.
    pub fn settings_in(&self, text: &str) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        for after in text.split("config").skip(1) {
            let inside = after
                .strip_prefix("['")
                .or_else(|| after.strip_prefix("[\""))
                .or_else(|| after.strip_prefix('.'));
            let inside = inside.map(|i| {
                i.strip_prefix("get('")
                    .or_else(|| i.strip_prefix("get(\""))
                    .unwrap_or(i)
            });
            let name: String = inside
                .unwrap_or("")
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            if !name.is_empty() {
                all.push(vec![name]);
            }
        }
        all
    }

    /// A text of a manifest in our words.
    ///
    /// # Errors
    /// Where it has none.
    pub fn words(&self, part: &Part, scope: &Scope) -> Res<String> {
        let text = part.text().ok_or_else(|| part.stop("a text is wanted here"))?;
        self.translated(part, &text, scope)
    }

    /// The same, where what is a setting is a secret.
    ///
    /// # Errors
    /// Where it has no like here.
    pub fn secret_words(&self, part: &Part, scope: &Scope) -> Res<String> {
        let text = part.text().ok_or_else(|| part.stop("a text is wanted here"))?;
        words::text(self, part, &text, scope, true).map_err(|why| part.stop(why))
    }

    /// This text of a part in our words.
    ///
    /// # Errors
    /// Where it has no like here.
    pub fn translated(&self, part: &Part, text: &str, scope: &Scope) -> Res<String> {
        words::text(self, part, text, scope, false).map_err(|why| part.stop(why))
    }

    /// Says what is not as it was there.
    pub fn differs(&self, part: &Part, what: impl Into<String>) {
        self.differs_at(&part.stop(what));
    }

    /// Says what is not as it was there.
    pub fn differs_at(&self, stop: &Stop) {
        self.remark(stop, Effect::Differs);
    }

    /// Says that nobody signs in, and why.
    pub fn no_auth(&self, stop: &Stop) {
        let why = format!("nobody signs in, write `auth:` of the connection: {}", stop.why);
        self.remark(&Stop { why, ..stop.clone() }, Effect::LeftOut);
    }

    /// Says what is left out.
    fn left_out(&self, stop: &Stop) {
        self.remark(stop, Effect::StreamLeftOut);
    }

    /// Says which keys of a component nobody knows.
    pub fn unasked(&self, part: &Part) {
        for entry in part.unasked() {
            let stop = Stop {
                at: entry.bytes.clone(),
                place: format!("{}.{}", part.place, entry.key),
                why: format!("`{}` is not known here, and left out", entry.key),
            };
            self.remark(&stop, Effect::Differs);
        }
    }

    fn remark(&self, stop: &Stop, effect: Effect) {
        let before = &self.text[..self.text.floor_char_boundary(stop.at.start)];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        self.remarks.borrow_mut().push(Remark {
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().count() + 1,
            place: stop.place.clone(),
            stream: self.stream.borrow().clone(),
            what: stop.why.clone(),
            effect,
        });
    }
}

/// A property of a specification, also where it stands in one of several alternatives.
fn property<'s>(spec: &'s Value, name: &str) -> Option<&'s Value> {
    let own = spec.get("properties").and_then(|all| all.get(name));
    own.or_else(|| {
        let alternatives = spec.get("oneOf").or_else(|| spec.get("anyOf"))?.as_array()?;
        alternatives.iter().find_map(|one| property(one, name))
    })
}

/// A secret that all these streams send in one header or parameter: it is who asks, and stands in the connection then.
fn lifted(mut streams: Vec<&mut Stream>) -> Option<Value> {
    let is_secret = |text: &str| text.contains("${secret:");
    let parents = |s: &&mut Stream| s.copy.get("parents").is_some_and(|p| is_secret(&p.to_string()));
    if streams.iter().any(parents) {
        return None;
    }
    for (place, key) in [("headers", "header"), ("query", "query")] {
        let Some(first) = streams.first().and_then(|s| sent(s, place)) else {
            continue;
        };
        let shared = first.into_iter().find(|(name, value)| {
            value
                .as_str()
                .is_some_and(|text| is_secret(text) && !text.contains("{{"))
                && streams
                    .iter()
                    .all(|s| sent(s, place).is_some_and(|all| all.get(name) == Some(value)))
        });
        let Some((name, value)) = shared else { continue };
        for stream in &mut streams {
            let request = stream.copy.get_mut("request").and_then(Value::as_object_mut);
            let Some(request) = request else { continue };
            if let Some(all) = request.get_mut(place).and_then(Value::as_object_mut) {
                all.shift_remove(&name);
                if all.is_empty() {
                    request.shift_remove(place);
                }
            }
        }
        return Some(json!({ "api_key": { key: name, "value": value } }));
    }
    None
}

fn sent(stream: &Stream, place: &str) -> Option<Map<String, Value>> {
    stream.copy.get("request")?.get(place)?.as_object().cloned()
}

#[cfg(test)]
mod tests;

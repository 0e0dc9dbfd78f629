//! What is asked: a requester as an address, a request, and what its answers mean.

use super::tree::{Part, Res};
use super::words::{Scope, inside, path};
use super::{Manifest, auth};
use serde_json::{Map, Value, json};

/// A requester in our words.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// What all paths are put behind.
    pub base_url: String,
    /// Who asks.
    pub auth: Option<Value>,
    /// `get`, `post`, or another method, which only ends of exports have.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query's parameters.
    pub query: Map<String, Value>,
    /// Headers.
    pub headers: Map<String, Value>,
    /// A body, under the key that says of what kind: `json`, `form`, `graphql`.
    pub body: Option<(&'static str, Value)>,
    /// What answers mean.
    pub errors: Vec<Value>,
    /// How often one request is tried.
    pub tries: Option<u64>,
    /// The parameter that is said to carry the mark of the next page.
    pub mark: Option<String>,
}

impl Ask {
    /// The `request:` of a copy.
    pub fn request(&self) -> Map<String, Value> {
        let mut request = Map::new();
        request.insert(self.method.clone(), self.path.clone().into());
        for (key, all) in [("query", &self.query), ("headers", &self.headers)] {
            if !all.is_empty() {
                request.insert(key.into(), Value::Object(all.clone()));
            }
        }
        if let Some((key, body)) = &self.body {
            request.insert((*key).into(), body.clone());
        }
        request
    }

    /// Puts a value where an option of a request says.
    ///
    /// # Errors
    /// For a place that there is not.
    pub fn inject(&mut self, option: &Part, value: &str) -> Res<()> {
        let name = option_name(option)?;
        match (self.place(option)?, &mut self.body) {
            ("query", _) => drop(self.query.insert(name, value.into())),
            ("header", _) => drop(self.headers.insert(name, value.into())),
            (_, Some((_, body))) => set(body, &name, value.into()),
            (_, None) => {}
        }
        Ok(())
    }

    /// Where parameters of pages go that an option of a request says; the body is made where there is none.
    ///
    /// # Errors
    /// For a place that there is not.
    pub fn place(&mut self, option: &Part) -> Res<&'static str> {
        match option.text_of("inject_into").unwrap_or_default().as_str() {
            "request_parameter" => Ok("query"),
            "header" => Ok("header"),
            "body_json" => {
                self.body.get_or_insert(("json", json!({})));
                Ok("body")
            }
            "body_data" => {
                self.body.get_or_insert(("form", json!({})));
                Ok("body")
            }
            other => Err(option.stop(format!("`inject_into: {other}` is not known here"))),
        }
    }
}

/// The name that an option of a request has; of a field inside others, with dots.
///
/// # Errors
/// Where it has none.
pub fn option_name(option: &Part) -> Res<String> {
    if let Some(path) = option.own("field_path") {
        let steps: Vec<String> = path.items().iter().filter_map(Part::text).collect();
        return Ok(steps.join("."));
    }
    option
        .text_of("field_name")
        .ok_or_else(|| option.stop("`field_name` is missing"))
}

fn set(body: &mut Value, name: &str, value: Value) {
    let mut place = body;
    for step in name.split('.') {
        if !place.is_object() {
            *place = json!({});
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(step.to_string()).or_insert(Value::Null);
    }
    *place = value;
}

/// Translates a requester.
///
/// # Errors
/// Where what is asked cannot be said in our words.
pub fn requester(manifest: &Manifest<'_>, part: &Part, scope: &Scope) -> Res<Ask> {
    part.no_code()?;
    let mut ask = Ask::default();
    address(manifest, part, scope, &mut ask)?;
    let method = part
        .text_of("http_method")
        .unwrap_or_else(|| "GET".into())
        .to_lowercase();
    ask.method = method;
    ask.auth = auth::translate(manifest, part)?;
    for (key, place) in [("request_parameters", true), ("request_headers", false)] {
        let Some(written) = part.own(key) else { continue };
        for (name, value) in pairs(manifest, &written, scope, &mut ask.mark)? {
            let all = if place { &mut ask.query } else { &mut ask.headers };
            all.insert(name, value);
        }
    }
    body(manifest, part, scope, &mut ask)?;
    if let Some(handler) = part.own("error_handler") {
        errors(manifest, &handler, &mut ask)?;
    }
    if part.own("query_properties").is_some() || part.own("fetch_properties_from_endpoint").is_some() {
        return Err(part.stop("properties that are asked for in parts are not known"));
    }
    // It changes what is asked how often, and nothing of what comes.
    part.own("use_cache");
    part.own("name");
    manifest.unasked(part);
    Ok(ask)
}

/// Where it is: `url`, or `url_base` and `path`.
fn address(manifest: &Manifest<'_>, part: &Part, scope: &Scope, ask: &mut Ask) -> Res<()> {
    let base = part.get("url").or_else(|| part.get("url_base"));
    let is_whole = part.get("url").is_some();
    let base = base.ok_or_else(|| part.stop("there is neither `url` nor `url_base`"))?;
    let text = manifest.words(&base, scope)?;
    let path = match part.get("path") {
        Some(path) => manifest.words(&path, scope)?,
        None => String::new(),
    };
    let start = text.find("://").map_or(0, |at| at + 3);
    let split = text[start..].find('/').map_or(text.len(), |at| start + at);
    // Of a whole address the server alone is what others have, too; and so it is where the rest differs from slice to slice.
    let (server, above) = match is_whole || text.contains("{{") {
        true => text.split_at(split),
        false => (text.as_str(), ""),
    };
    if server.contains("{{") {
        return Err(base.stop("the server differs from slice to slice"));
    }
    ask.base_url = server.trim_end_matches('/').to_string();
    let joined = match (above.trim_end_matches('/'), path.trim_start_matches('/')) {
        (above, "") => above.to_string(),
        ("", path) => format!("/{path}"),
        (above, path) => format!("{above}/{path}"),
    };
    let (path, query) = match joined.split_once('?') {
        Some((path, query)) if !query.contains(['{', '%', '+']) => (path.to_string(), Some(query.to_string())),
        _ => (joined, None),
    };
    for pair in query.iter().flat_map(|q| q.split('&')).filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        ask.query.insert(name.into(), value.into());
    }
    ask.path = if path.is_empty() { "/".into() } else { path };
    Ok(())
}

/// Names with values: a mapping, or a text `a=b&c=d`. A value that is the mark of the next page is noted and left out.
fn pairs(manifest: &Manifest<'_>, part: &Part, scope: &Scope, mark: &mut Option<String>) -> Res<Vec<(String, Value)>> {
    if let Some(text) = part.node.text() {
        let text = manifest.translated(part, text, scope)?;
        let one = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_string(), Value::from(value))
        };
        return Ok(text
            .trim_start_matches('?')
            .split('&')
            .filter(|p| !p.is_empty())
            .map(one)
            .collect());
    }
    let mut all = Vec::new();
    for (name, value) in part.entries() {
        let expression = value.node.text().and_then(inside).and_then(path);
        if expression.is_some_and(|(root, _)| root == "next_page_token") {
            *mark = Some(name);
            continue;
        }
        match &value.node.value {
            segue_spec::yaml::Value::Scalar(scalar) if scalar.json.is_null() => {}
            segue_spec::yaml::Value::Scalar(scalar) if scalar.json.is_string() => {
                all.push((name, manifest.words(&value, scope)?.into()));
            }
            segue_spec::yaml::Value::Scalar(scalar) => all.push((name, scalar.json.clone())),
            segue_spec::yaml::Value::List(_) => {
                let items: Res<Vec<Value>> = value
                    .items()
                    .iter()
                    .map(|item| manifest.words(item, scope).map(Value::from))
                    .collect();
                all.push((name, items?.into()));
            }
            segue_spec::yaml::Value::Mapping(_) => return Err(value.stop("a parameter is a mapping")),
        }
    }
    Ok(all)
}

fn body(manifest: &Manifest<'_>, part: &Part, scope: &Scope, ask: &mut Ask) -> Res<()> {
    let mut mark = None;
    let written = match part.own("request_body") {
        Some(body) => {
            let value = body.needs("value")?;
            match body.kind().as_str() {
                "RequestBodyJsonObject" => Some(("json", value)),
                "RequestBodyUrlEncodedForm" => Some(("form", value)),
                "RequestBodyGraphQL" => Some(("graphql", value)),
                other => return Err(body.stop(format!("a body of kind {other} is not known"))),
            }
        }
        None => part
            .own("request_body_json")
            .map(|body| ("json", body))
            .or_else(|| part.own("request_body_data").map(|body| ("form", body))),
    };
    let Some((kind, written)) = written else { return Ok(()) };
    if kind == "form" {
        let pairs = pairs(manifest, &written, scope, &mut mark)?;
        if !pairs.is_empty() {
            ask.body = Some((kind, Value::Object(pairs.into_iter().collect())));
        }
        ask.mark = ask.mark.take().or(mark);
        return Ok(());
    }
    let value = match written.node.text() {
        Some(text) => {
            let text = manifest.translated(&written, text, scope)?;
            serde_json::from_str(&text).map_err(|_| written.stop("the body is a text that is no JSON"))?
        }
        None => tree(manifest, &written, scope)?,
    };
    if value.as_object().is_some_and(Map::is_empty) {
        return Ok(());
    }
    ask.body = Some((kind, value));
    Ok(())
}

/// JSON whose texts may be interpolations.
fn tree(manifest: &Manifest<'_>, part: &Part, scope: &Scope) -> Res<Value> {
    use segue_spec::yaml::Value as Written;
    Ok(match &part.node.value {
        Written::Scalar(scalar) if scalar.json.is_string() => manifest.words(part, scope)?.into(),
        Written::Scalar(scalar) => scalar.json.clone(),
        Written::List(_) => part
            .items()
            .iter()
            .map(|item| tree(manifest, item, scope))
            .collect::<Res<Vec<_>>>()?
            .into(),
        Written::Mapping(_) => {
            let fields = part.entries().into_iter().filter(|(name, _)| !name.starts_with('$'));
            let fields = fields.map(|(name, value)| Ok((name, tree(manifest, &value, scope)?)));
            Value::Object(fields.collect::<Res<_>>()?)
        }
    })
}

/// The statuses that a rule without any is about: those with which servers say that something is wrong, and success.
const ANY: [u16; 21] = [
    200, 400, 401, 402, 403, 404, 405, 406, 409, 410, 412, 413, 415, 416, 422, 423, 429, 500, 502, 503, 504,
];

fn errors(manifest: &Manifest<'_>, handler: &Part, ask: &mut Ask) -> Res<()> {
    handler.no_code()?;
    if handler.kind() == "CompositeErrorHandler" || handler.own("error_handlers").is_some() {
        for inner in handler.own("error_handlers").iter().flat_map(Part::items) {
            errors(manifest, &inner, ask)?;
        }
        return Ok(());
    }
    for filter in handler.own("response_filters").iter().flat_map(Part::items) {
        if let Err(stop) = rule(manifest, &filter, ask) {
            manifest.differs_at(&stop);
        }
    }
    for strategy in handler.own("backoff_strategies").iter().flat_map(Part::items) {
        backoff(manifest, &strategy);
    }
    if let Some(retries) = handler.own("max_retries") {
        match retries.whole() {
            Some(most) => ask.tries = ask.tries.max(Some((most + 1).clamp(1, 20))),
            None => manifest.differs(
                &retries,
                "`max_retries` is no number that is known now: a request is tried 5 times",
            ),
        }
    }
    manifest.unasked(handler);
    Ok(())
}

fn rule(manifest: &Manifest<'_>, filter: &Part, ask: &mut Ask) -> Res<()> {
    let codes: Vec<u16> = filter
        .own("http_codes")
        .iter()
        .flat_map(Part::items)
        .filter_map(|code| code.whole()?.try_into().ok())
        .collect();
    // What people are told of it, and whose fault it is.
    filter.own("error_message");
    filter.own("failure_type");
    let action = filter.text_of("action").unwrap_or_else(|| "FAIL".into());
    if let Some(predicate) = filter.own("predicate") {
        return Err(
            predicate.stop("a rule by a predicate is left out: rules look at the status and at a text in the body")
        );
    }
    let then = match action.to_uppercase().as_str() {
        "FAIL" => "fail",
        "IGNORE" => "ignore",
        "RETRY" | "RATE_LIMITED" => "retry",
        "SUCCESS" if codes.iter().all(|code| (200..300).contains(code)) => return Ok(()),
        "REFRESH_TOKEN_THEN_RETRY" if codes == [401] => return Ok(()),
        other => {
            return Err(filter.stop(format!(
                "a rule with the action {other} is left out: it has no like here"
            )));
        }
    };
    let mut rule = Map::new();
    let body = filter.own("error_message_contains");
    let statuses = if codes.is_empty() { ANY.to_vec() } else { codes };
    rule.insert(
        "status".into(),
        match statuses.as_slice() {
            [one] => (*one).into(),
            several => several.to_vec().into(),
        },
    );
    match body {
        Some(body) => drop(rule.insert("body".into(), manifest.words(&body, &Scope::default())?.into())),
        None if statuses.len() == ANY.len() => return Err(filter.stop("a rule without a condition is left out")),
        None => {}
    }
    rule.insert("then".into(), then.into());
    ask.errors.push(Value::Object(rule));
    Ok(())
}

fn backoff(manifest: &Manifest<'_>, strategy: &Part) {
    let header = strategy.text_of("header").unwrap_or_default();
    let is_known = header.eq_ignore_ascii_case("retry-after") && strategy.own("regex").is_none();
    match strategy.kind().as_str() {
        "WaitTimeFromHeader" if is_known => {}
        "WaitTimeFromHeader" | "WaitUntilTimeFromHeader" => manifest.differs(
            strategy,
            format!("how long to wait is taken from `Retry-After` alone, not from `{header}`: set `limits.rate` of the connection"),
        ),
        kind if kind.starts_with("Custom") => manifest.differs(strategy, "how long to wait is code of the connector's own"),
        _ => manifest.differs(strategy, "between two tries the wait doubles from half a second on, whatever is written here"),
    }
}

/// The statement that two levels are asked of one server by one account, if they are.
///
/// # Errors
/// If they are not.
pub fn same_connection(part: &Part, one: &Ask, other: &Ask) -> Res<()> {
    match (one.base_url == other.base_url, one.auth == other.auth) {
        (true, true) => Ok(()),
        (false, _) => Err(part.stop("its parents are asked of another server")),
        (true, false) => Err(part.stop("its parents are asked by another account")),
    }
}

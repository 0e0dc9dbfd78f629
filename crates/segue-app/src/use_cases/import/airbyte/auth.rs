//! Who asks: authenticators in the words of a connection's `auth:`.

use super::Manifest;
use super::asking::{Ask, option_name, requester};
use super::tree::{Part, Res};
use super::words::{Scope, Step, json_path};
use serde_json::{Map, Value, json};

/// Translates a requester's authenticator; `None`: nobody in particular asks, or what asks cannot be said, which is told.
///
/// # Errors
/// None that is told otherwise.
pub fn translate(manifest: &Manifest<'_>, requester: &Part) -> Res<Option<Value>> {
    let Some(part) = requester.get("authenticator") else {
        return Ok(None);
    };
    match of(manifest, &part) {
        Ok(auth) => Ok(auth),
        Err(stop) => {
            manifest.no_auth(&stop);
            Ok(None)
        }
    }
}

fn of(manifest: &Manifest<'_>, part: &Part) -> Res<Option<Value>> {
    part.no_code()?;
    let auth = match part.kind().as_str() {
        "NoAuth" => return Ok(None),
        "BearerAuthenticator" => json!({ "bearer": { "token": secret(manifest, part, "api_token")? } }),
        "BasicHttpAuthenticator" => basic(manifest, part)?,
        "ApiKeyAuthenticator" => api_key(manifest, part)?,
        "OAuthAuthenticator" => oauth(manifest, part)?,
        "SessionTokenAuthenticator" => session(manifest, part)?,
        "LegacySessionTokenAuthenticator" => legacy_session(manifest, part)?,
        "JwtAuthenticator" => {
            return Err(part.stop("a token that is signed here and sent as it is has no like here; `oauth2` with `jwt_bearer` exchanges one for another"));
        }
        "SelectiveAuthenticator" => {
            let choices = part.own("authenticators");
            let first = choices.iter().flat_map(Part::entries).next();
            let (name, first) = first.ok_or_else(|| part.stop("there is nothing to choose from"))?;
            let others: Vec<String> = choices
                .iter()
                .flat_map(Part::entries)
                .skip(1)
                .map(|(name, _)| name)
                .collect();
            manifest.differs(
                part,
                format!(
                    "of several ways to sign in `{name}` is taken; the others ({}) are left out",
                    others.join(", ")
                ),
            );
            return of(manifest, &first);
        }
        other => return Err(part.stop(format!("an authenticator of kind {other} is not known"))),
    };
    manifest.unasked(part);
    Ok(Some(auth))
}

/// A secret's reference. One that is written out is not taken over: where it belongs is said.
fn secret(manifest: &Manifest<'_>, part: &Part, key: &str) -> Res<String> {
    let written = part.needs(key)?;
    let text = manifest.secret_words(&written, &Scope::default())?;
    if text.contains("${secret:") {
        return Ok(text);
    }
    let reference = manifest.setting(&[key.to_string()], true);
    manifest.differs(
        &written,
        format!("what is written here is no setting, and is not taken over: give it as {reference}"),
    );
    Ok(reference)
}

fn plain(manifest: &Manifest<'_>, part: &Part, key: &str) -> Res<Option<String>> {
    let written = part.get(key);
    written.map(|w| manifest.words(&w, &Scope::default())).transpose()
}

fn basic(manifest: &Manifest<'_>, part: &Part) -> Res<Value> {
    let user = part.needs("username")?;
    let has_password = part
        .get("password")
        .and_then(|p| p.text())
        .is_some_and(|text| !text.is_empty());
    if !has_password {
        return Ok(json!({ "basic": { "user": manifest.secret_words(&user, &Scope::default())? } }));
    }
    Ok(
        json!({ "basic": { "user": manifest.words(&user, &Scope::default())?, "password": secret(manifest, part, "password")? } }),
    )
}

fn api_key(manifest: &Manifest<'_>, part: &Part) -> Res<Value> {
    let value = secret(manifest, part, "api_token")?;
    if let Some(option) = part.own("inject_into") {
        let name = option_name(&option)?;
        let name = manifest.translated(&option, &name, &Scope::default())?;
        let place = match option.text_of("inject_into").unwrap_or_default().as_str() {
            "request_parameter" => "query",
            "header" => "header",
            "body_json" | "body_data" if !name.contains('.') => "body",
            other => return Err(option.stop(format!("a key that goes into `{other}` as `{name}` has no like here"))),
        };
        return Ok(json!({ "api_key": { place: name, "value": value } }));
    }
    let header = plain(manifest, part, "header")?.filter(|h| !h.is_empty());
    let header = header.ok_or_else(|| part.stop("neither `header` nor `inject_into` says where the key goes"))?;
    Ok(json!({ "api_key": { "header": header, "value": value } }))
}

fn oauth(manifest: &Manifest<'_>, part: &Part) -> Res<Value> {
    let mut oauth = Map::new();
    let grant = plain(manifest, part, "grant_type")?.unwrap_or_else(|| "refresh_token".into());
    if !["refresh_token", "client_credentials"].contains(&grant.as_str()) {
        return Err(part.stop(format!("OAuth 2 with `grant_type: {grant}` is not known")));
    }
    let token_url = part.needs("token_refresh_endpoint")?;
    oauth.insert("grant".into(), grant.as_str().into());
    oauth.insert(
        "token_url".into(),
        manifest.words(&token_url, &Scope::default())?.into(),
    );
    oauth.insert(
        "client_id".into(),
        plain(manifest, part, "client_id")?.unwrap_or_default().into(),
    );
    oauth.insert("client_secret".into(), secret(manifest, part, "client_secret")?.into());
    if grant == "refresh_token" {
        oauth.insert("refresh_token".into(), secret(manifest, part, "refresh_token")?.into());
    }
    // They are sent in the form there.
    oauth.insert("client_auth".into(), "body".into());
    let mut scopes = Vec::new();
    for scope in part.own("scopes").iter().flat_map(Part::items) {
        scopes.push(Value::from(manifest.words(&scope, &Scope::default())?));
    }
    if !scopes.is_empty() {
        oauth.insert("scopes".into(), scopes.into());
    }
    if let Some(body) = part.own("refresh_request_body") {
        let mut params = Map::new();
        for (name, value) in body.entries() {
            params.insert(name, manifest.words(&value, &Scope::default())?.into());
        }
        oauth.insert("token_params".into(), Value::Object(params));
    }
    // The one name that each of these has by default is the one that is sent.
    let usual = [
        ("client_id_name", "client_id"),
        ("client_secret_name", "client_secret"),
        ("refresh_token_name", "refresh_token"),
        ("grant_type_name", "grant_type"),
        ("access_token_name", "access_token"),
        ("expires_in_name", "expires_in"),
    ];
    for (key, usual) in usual {
        if let Some(other) = part.own(key).filter(|p| p.text().as_deref() != Some(usual)) {
            manifest.differs(
                &other,
                format!("a token is asked for with `{usual}`, as the standard has it"),
            );
        }
    }
    // A refresh token that changes is kept in any case, and what a token was once is asked for anew.
    for key in [
        "refresh_token_updater",
        "token_expiry_date",
        "token_expiry_date_format",
        "access_token_value",
        "refresh_token_error_status_codes",
        "refresh_token_error_key",
        "refresh_token_error_values",
    ] {
        part.own(key);
    }
    Ok(json!({ "oauth2": oauth }))
}

/// A login: secrets go into its templates by name.
#[derive(Default)]
struct Secrets(Map<String, Value>);

impl Secrets {
    /// The text, its secrets by the names that a login has them under.
    fn lift(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${secret:") {
            let (name, tail) = after.split_once('}').unwrap_or((after, ""));
            let own = name.to_lowercase();
            out.push_str(&format!("{before}{{{{ secret.{own} }}}}"));
            self.0.insert(own, format!("${{secret:{name}}}").into());
            rest = tail;
        }
        out + rest
    }

    fn lift_all(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.lift(text).into(),
            Value::Array(items) => items.iter().map(|v| self.lift_all(v)).collect(),
            Value::Object(fields) => fields.iter().map(|(n, v)| (n.clone(), self.lift_all(v))).collect(),
            other => other.clone(),
        }
    }
}

fn step(ask: &Ask, secrets: &mut Secrets, token: String) -> Value {
    let mut step = Map::new();
    step.insert(
        ask.method.clone(),
        secrets.lift(&format!("{}{}", ask.base_url, ask.path)).into(),
    );
    for (key, all) in [("query", &ask.query), ("headers", &ask.headers)] {
        if !all.is_empty() {
            let texts = all.iter().map(|(name, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
                (name.clone(), Value::from(secrets.lift(&text)))
            });
            step.insert(key.into(), Value::Object(texts.collect()));
        }
    }
    if let Some((key, body)) = &ask.body {
        step.insert((*key).into(), secrets.lift_all(body));
    }
    step.insert("take".into(), json!({ "token": token }));
    Value::Object(step)
}

fn session(manifest: &Manifest<'_>, part: &Part) -> Res<Value> {
    let login = part.needs("login_requester")?;
    let mut ask = requester(manifest, &login, &Scope::default())?;
    let mut secrets = Secrets::default();
    match ask.auth.take() {
        None => {}
        Some(auth) => {
            let (name, value) = as_header(&auth)
                .ok_or_else(|| login.stop("who signs in is told in a way that a login has no like of"))?;
            ask.headers.insert(name, value.into());
        }
    }
    let steps: Vec<Step> = part
        .needs("session_token_path")?
        .items()
        .iter()
        .filter_map(Part::text)
        .map(Step::Name)
        .collect();
    let mut out = Map::new();
    out.insert("steps".into(), json!([step(&ask, &mut secrets, json_path(&steps))]));
    let how = part.needs("request_authentication")?;
    let sent = "{{ login.token }}";
    match how.kind().as_str() {
        "Bearer" => drop(out.insert("headers".into(), json!({ "Authorization": format!("Bearer {sent}") }))),
        "ApiKey" => {
            let option = how.needs("inject_into")?;
            let name = option_name(&option)?;
            let written = how.text_of("api_token").unwrap_or_default();
            let text = match super::words::inside(&written) {
                Some("session_token") => sent.to_string(),
                _ if written.is_empty() => sent.to_string(),
                _ if written.contains("{{ session_token }}") => written.replace("{{ session_token }}", sent),
                _ => return Err(how.stop("how the session is sent is not known")),
            };
            let place = match option.text_of("inject_into").unwrap_or_default().as_str() {
                "request_parameter" => "query",
                "header" => "headers",
                other => return Err(option.stop(format!("`inject_into: {other}` of a session is not known here"))),
            };
            out.insert(place.into(), json!({ name: text }));
        }
        other => return Err(how.stop(format!("a session that is sent as {other} is not known"))),
    }
    if !secrets.0.is_empty() {
        out.insert("secrets".into(), Value::Object(secrets.0));
    }
    if let Some(lasts) = part.own("expiration_duration") {
        match lasts.text().and_then(|text| super::slicing::duration(&text)) {
            Some((duration, _)) => drop(out.insert("lasts".into(), duration.into())),
            None => manifest.differs(
                &lasts,
                "how long a session lasts cannot be read: one that is refused is begun anew",
            ),
        }
    }
    if let Some(decoder) = part.own("decoder").filter(|d| d.kind() != "JsonDecoder") {
        return Err(decoder.stop("the answer to a login is read as JSON"));
    }
    Ok(json!({ "login": out }))
}

/// What goes as a header, and which.
fn as_header(auth: &Value) -> Option<(String, String)> {
    if let Some(token) = auth.pointer("/bearer/token") {
        return Some(("Authorization".into(), format!("Bearer {}", token.as_str()?)));
    }
    let key = auth.get("api_key")?;
    Some((key.get("header")?.as_str()?.into(), key.get("value")?.as_str()?.into()))
}

fn legacy_session(manifest: &Manifest<'_>, part: &Part) -> Res<Value> {
    let mut secrets = Secrets::default();
    let base = part
        .get("api_url")
        .map(|p| manifest.words(&p, &Scope::default()))
        .transpose()?;
    let url = manifest.words(&part.needs("login_url")?, &Scope::default())?;
    let target = match base {
        Some(base) => format!("{}/{}", base.trim_end_matches('/'), url.trim_start_matches('/')),
        None => url,
    };
    let user = plain(manifest, part, "username")?.unwrap_or_default();
    let password = secret(manifest, part, "password")?;
    let key = part
        .text_of("session_token_response_key")
        .unwrap_or_else(|| "id".into());
    let header = plain(manifest, part, "header")?.ok_or_else(|| part.stop("`header` is missing"))?;
    for known in ["session_token", "validate_session_url"] {
        part.own(known);
    }
    let body = json!({ "username": secrets.lift(&user), "password": secrets.lift(&password) });
    let step =
        json!({ "post": secrets.lift(&target), "json": body, "take": { "token": json_path(&[Step::Name(key)]) } });
    Ok(json!({ "login": { "steps": [step], "secrets": secrets.0, "headers": { header: "{{ login.token }}" } } }))
}

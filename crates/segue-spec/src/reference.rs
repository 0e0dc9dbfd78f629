//! References in settings: `${env:NAME}`, `${env:NAME:-default}`, `${secret:NAME}`. They are found and judged here, and resolved by whoever may.

use segue_diag::closest;
use std::ops::Range;

/// Where a reference is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// The environment; may be shown.
    Env,
    /// The secrets; redacted everywhere.
    Secret,
}

/// One reference in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where it is taken from.
    pub provider: Provider,
    /// The name there.
    pub name: String,
    /// What it is when there is none of that name; only `env` can have one.
    pub default: Option<String>,
    /// Its bytes in the text, from `$` to `}`.
    pub bytes: Range<usize>,
}

/// The references in a text, in order.
///
/// # Errors
/// The bytes and words of the first that cannot be read.
pub fn references(text: &str) -> Result<Vec<Reference>, (Range<usize>, String)> {
    let mut all = Vec::new();
    for (bytes, inner) in raw(text) {
        all.push(read(bytes.clone(), inner).map_err(|(message, _)| (bytes, message))?);
    }
    Ok(all)
}

/// Whether a text holds anything that looks like a reference.
pub(crate) fn has_reference(text: &str) -> bool {
    text.contains("${")
}

/// What is wrong with the references in a text: bytes, words, and hint.
pub(crate) fn reference_mistakes(text: &str) -> Vec<(Range<usize>, String, String)> {
    let all = raw(text).filter_map(|(bytes, inner)| read(bytes.clone(), inner).err().map(|(m, h)| (bytes, m, h)));
    all.collect()
}

/// Each `${…}` with what stands inside; one that is not closed reaches to the end.
fn raw(text: &str) -> impl Iterator<Item = (Range<usize>, Option<&str>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find("${")?;
        let inner = text[start + 2..]
            .find('}')
            .map(|length| &text[start + 2..start + 2 + length]);
        at = inner.map_or(text.len(), |inner| start + 3 + inner.len());
        Some((start..at, inner))
    })
}

fn read(bytes: Range<usize>, inner: Option<&str>) -> Result<Reference, (String, String)> {
    let shapes = || "write `${env:NAME}`, `${env:NAME:-default}` or `${secret:NAME}`".to_string();
    let inner = inner.ok_or_else(|| ("a reference is not closed: `}` is missing".to_string(), shapes()))?;
    let (provider, rest) = inner.split_once(':').unwrap_or((inner, ""));
    let provider = match provider {
        "env" => Provider::Env,
        "secret" => Provider::Secret,
        other => {
            let hint = closest(other, ["env", "secret"])
                .map_or_else(shapes, |meant| format!("did you mean `${{{meant}:…}}`?"));
            return Err((format!("`{other}` is no place that a reference is taken from"), hint));
        }
    };
    let (name, default) = match rest.split_once(":-") {
        Some((name, default)) => (name, Some(default.to_string())),
        None => (rest, None),
    };
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.is_empty() || name.as_bytes()[0].is_ascii_digit() || !name.bytes().all(good) {
        return Err((
            format!("`{name}` is no name of a variable: letters, digits and `_`"),
            shapes(),
        ));
    }
    if provider == Provider::Secret && default.is_some() {
        return Err((
            format!("the secret `{name}` has a default, which would be a literal"),
            "leave the default out".into(),
        ));
    }
    Ok(Reference {
        provider,
        name: name.to_string(),
        default,
        bytes,
    })
}

/// Names under which nothing but a secret stands, whatever the connector.
pub(crate) const SECRET_NAMES: [&str; 13] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "x-auth-token",
    "api-key",
    "api_key",
    "apikey",
    "password",
    "passwd",
    "client_secret",
    "access_token",
    "private_key",
];

/// Names under which a secret may stand: enough not to show what is there.
const LIKE_SECRETS: [&str; 4] = ["token", "secret", "value", "refresh_token"];

/// The bytes of a YAML text that may be secrets, by its words alone: the text may be broken. Rather too many than too few, as they
/// are only not shown.
pub(crate) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let mut at = 0;
        while let Some(colon) = line[at..].find(':').map(|c| at + c) {
            at = colon + 1;
            let name = line[..colon].trim_end_matches(['"', '\'']);
            let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let before = name.trim_end_matches(of_name).len();
            let name = name[before..].to_ascii_lowercase();
            // A misspelt name has a secret behind it too.
            let is_secret = name.len() > 3 && closest(&name, SECRET_NAMES.into_iter().chain(LIKE_SECRETS)).is_some();
            let value = &line[at..];
            if !is_secret || !value.starts_with([' ', '\t', '\n', '\r']) {
                continue;
            }
            let space = value.len() - value.trim_start().len();
            let value = value.trim();
            let length = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => value[1..].find(quote).map_or(value.len(), |end| end + 2),
                Some('{' | '[' | '&' | '*' | '|' | '>' | '#') | None => 0,
                Some(_) => value.find([',', '}', ']']).unwrap_or(value.len()),
            };
            let value = value[..length].trim_end();
            let length = value.len();
            if !value.is_empty() && !value.contains("${") && !value.contains("{{") {
                all.push(start + at + space..start + at + space + length);
            }
        }
        if let Some(url) = line.find("://") {
            let from = line[..url].rfind([' ', '"', '\'']).map_or(0, |s| s + 1);
            all.extend(url_password(&line[from..]).map(|b| start + from + b.start..start + from + b.end));
        }
        start += line.len();
    }
    all
}

/// The bytes of `user:password@` in a URL whose password is written out.
pub(crate) fn url_password(text: &str) -> Option<Range<usize>> {
    let start = text.find("://")? + 3;
    let authority = &text[start..];
    let authority = &authority[..authority.find(['/', '?', '#', ' ']).unwrap_or(authority.len())];
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    let written = !password.is_empty() && !password.contains("${secret:");
    written.then(|| start..start + user.len())
}

#[cfg(test)]
mod tests {
    use super::{reference_mistakes, references, url_password};
    use insta::assert_snapshot;

    #[test]
    fn references_are_found_and_judged() {
        let report = |text: &str| {
            let good = references(text).map(|all| {
                let one = |r: &super::Reference| {
                    format!(
                        "{:?} {} {:?} at {}",
                        r.provider,
                        r.name,
                        r.default,
                        &text[r.bytes.clone()]
                    )
                };
                all.iter().map(one).collect::<Vec<_>>().join("; ")
            });
            good.unwrap_or_else(|_| {
                reference_mistakes(text)
                    .into_iter()
                    .map(|(b, m, h)| format!("{} — {m} — {h}", &text[b]))
                    .collect::<Vec<_>>()
                    .join("; ")
            })
        };
        let all = [
            "plain",
            "${env:A}",
            "x-${env:A:-b:-c}/${secret:B_1}",
            "${evn:A} ${secret:}",
            "${A}",
            "${env:1A}",
            "${secret:A:-b}",
            "${env:A",
        ];
        assert_snapshot!(all.map(report).join("\n"), @r#"
        Env A None at ${env:A}
        Env A Some("b:-c") at ${env:A:-b:-c}; Secret B_1 None at ${secret:B_1}
        ${evn:A} — `evn` is no place that a reference is taken from — did you mean `${env:…}`?; ${secret:} — `` is no name of a variable: letters, digits and `_` — write `${env:NAME}`, `${env:NAME:-default}` or `${secret:NAME}`
        ${A} — `A` is no place that a reference is taken from — write `${env:NAME}`, `${env:NAME:-default}` or `${secret:NAME}`
        ${env:1A} — `1A` is no name of a variable: letters, digits and `_` — write `${env:NAME}`, `${env:NAME:-default}` or `${secret:NAME}`
        ${secret:A:-b} — the secret `A` has a default, which would be a literal — leave the default out
        ${env:A — a reference is not closed: `}` is missing — write `${env:NAME}`, `${env:NAME:-default}` or `${secret:NAME}`
        "#);
    }

    #[test]
    fn what_may_be_a_secret_is_found_in_broken_text_too() {
        let hidden = |text: &str| {
            let all = super::secrets(text);
            all.into_iter()
                .map(|b| text[b].to_string())
                .collect::<Vec<_>>()
                .join("; ")
        };
        let text = "auth: { bearer: { token: hunter2 }, rate: [\npassword: 'a b' # c\nlake: s3://me:pw@bucket/x\n\
            token: { type: string }\nclient_secret: ${secret:S}\ntoken_url: https://a.b/c\n\"x-api-key\": k1, x: 2\nkey: [id]\n";
        assert_snapshot!(hidden(text), @"hunter2; 'a b'; me:pw; k1");
        assert_snapshot!(hidden("ko: '인기곡: x\n곡token: hush\n"), @"hush");
    }

    #[test]
    fn passwords_in_urls() {
        let at = |text: &str| url_password(text).map(|b| text[b].to_string());
        assert_eq!(at("postgres://me:pw@host/db").as_deref(), Some("me:pw"));
        assert_eq!(at("https://me:p@w@host").as_deref(), Some("me:p@w"));
        for fine in [
            "postgres://me:${secret:PW}@host",
            "https://me@host",
            "https://host/a:b@c",
            "no url",
            "https://h:80/x",
        ] {
            assert_eq!(at(fine), None, "{fine}");
        }
    }
}

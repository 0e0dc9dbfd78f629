//! The formats that a text can be wanted in.

use crate::model::{FamilyName, RangeInput, local_time};
use crate::name::{AssetName, column_name, lower_identifier};
use crate::tables::TablePattern;
use crate::template;
use crate::types::Type;
use crate::units::{Duration, Percent, Rate, Size};
use segue_diag::{
    BAD_COLUMN_TYPE, BAD_JSONPATH, BAD_NAME, BAD_QUANTITY, BAD_TIME, BAD_URL, CHAT_LANGUAGE, Code, NOT_IN_THIS_VERSION,
    TEMPLATE_SYNTAX, closest,
};

/// A mistake in a text of this format: its code, words, and hint. `None` where it is right, or the format is not ours.
pub(crate) fn format_mistake(format: &str, text: &str) -> Option<(Code, String, Option<String>)> {
    let plain = |code: Code, result: Result<(), String>| result.err().map(|why| (code, why, None));
    match format {
        "duration" => plain(BAD_QUANTITY, text.parse::<Duration>().map(drop)),
        "rate" => plain(BAD_QUANTITY, text.parse::<Rate>().map(drop)),
        "size" => plain(BAD_QUANTITY, text.parse::<Size>().map(drop)),
        "percent" => plain(BAD_QUANTITY, text.parse::<Percent>().map(drop)),
        "type" => plain(BAD_COLUMN_TYPE, text.parse::<Type>().map(drop)),
        "asset-name" => plain(BAD_NAME, text.parse::<AssetName>().map(drop)),
        "asset-or-family" if text.contains('*') => plain(BAD_NAME, text.parse::<FamilyName>().map(drop)),
        "asset-or-family" => plain(BAD_NAME, text.parse::<AssetName>().map(drop)),
        "tables" => plain(BAD_NAME, text.parse::<TablePattern>().map(drop)),
        "column-name" => plain(BAD_NAME, column_name(text)),
        "name" => plain(BAD_NAME, lower_identifier(text)),
        "range-input" => plain(BAD_NAME, text.parse::<RangeInput>().map(drop)),
        "local-time" => plain(BAD_TIME, local_time(text).map(drop)),
        "language" => plain(CHAT_LANGUAGE, language(text)),
        "timezone" => timezone(text),
        "jsonpath" => json_path(text),
        "template" => plain(TEMPLATE_SYNTAX, template::template(text).map(drop)),
        "expression" => plain(TEMPLATE_SYNTAX, template::expression(text).map(drop)),
        "url" => plain(BAD_URL, url(text)),
        "engine" if text != "local" => {
            let message = format!("the engine `{text}` is not acted on by this version");
            Some((NOT_IN_THIS_VERSION, message, Some("this version knows `local`".into())))
        }
        _ => None,
    }
}

/// What is wanted, in words.
pub(super) fn expected_format(format: &str) -> Option<&'static str> {
    Some(match format {
        "duration" => "a duration such as `1d`",
        "rate" => "a rate such as `10/s`",
        "size" => "a size such as `64MiB`",
        "percent" => "a share such as `20%`",
        "type" => "a type such as `string`",
        "asset-name" | "asset-or-family" => "a name such as `raw.orders`",
        "tables" => "tables such as `public.*`",
        "column-name" => "the name of a column",
        "name" => "a name such as `orders`",
        "range-input" => "a column such as `raw.orders.created_at`",
        "local-time" => "a day such as `2024-01-01`",
        "language" => "a language such as `en`",
        "timezone" => "a time zone such as `Europe/Berlin`",
        "jsonpath" => "a JSONPath such as `$.items[*]`",
        "url" => "a URL such as `https://api.example.com`",
        _ => return None,
    })
}

/// A JSONPath (RFC 9535).
pub(crate) fn json_path(text: &str) -> Option<(Code, String, Option<String>)> {
    if is_plain_path(text) {
        return None;
    }
    let error = serde_json_path::JsonPath::parse(text).err()?;
    let at = text
        .char_indices()
        .nth(error.position())
        .map_or(text.len(), |(at, _)| at);
    let message = match &text[at..] {
        "" => format!("`{text}` is no JSONPath: it ends too early"),
        rest => format!("`{text}` is no JSONPath: it cannot be read from `{rest}` on"),
    };
    Some((
        BAD_JSONPATH,
        message,
        Some("a path begins with `$`: `$.items[*].id`".into()),
    ))
}

/// `$.items[*].id`: nearly all paths, which need no parser to be seen to be right.
fn is_plain_path(text: &str) -> bool {
    let Some(mut rest) = text.strip_prefix('$') else {
        return false;
    };
    while !rest.is_empty() {
        let step = match rest.strip_prefix('.') {
            Some(name) => {
                let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let length = name.find(|c| !letters(c)).unwrap_or(name.len());
                if length == 0 || name.as_bytes()[0].is_ascii_digit() {
                    return false;
                }
                length + 1
            }
            None if rest.starts_with("[*]") => 3,
            None if rest.starts_with("[0]") => 3,
            None => return false,
        };
        rest = &rest[step..];
    }
    true
}

fn timezone(text: &str) -> Option<(Code, String, Option<String>)> {
    let zones = jiff::tz::TimeZoneDatabase::bundled();
    if zones.get(text).is_ok() {
        return None;
    }
    let names: Vec<String> = zones.available().map(|n| n.as_str().to_string()).collect();
    let hint = match closest(text, names.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "zones have names such as `UTC`, `Europe/Berlin`, `Asia/Seoul`".to_string(),
    };
    Some((BAD_TIME, format!("there is no time zone `{text}`"), Some(hint)))
}

/// A language's code: `ko`, `en`, `pt-br`.
fn language(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split('-').collect();
    let is_part = |part: &&str| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase());
    match parts.iter().all(is_part) && parts[0].len() <= 3 {
        true => Ok(()),
        false => Err(format!(
            "`{text}` is no language: write its code in small letters, such as `ko` or `en`"
        )),
    }
}

fn url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace) => Ok(()),
        Some(_) => Err(format!("`{text}` names no host")),
        None => Err(format!("`{text}` is no URL: it begins with `https://` or `http://`")),
    }
}

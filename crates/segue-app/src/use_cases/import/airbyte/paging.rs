//! From page to page: paginators in the words of `paginate:`.

use super::Manifest;
use super::asking::{Ask, option_name};
use super::tree::{Part, Res};
use super::words::{Step, inside, json_path, path};
use serde_json::{Map, Value, json};

/// Translates a paginator; `None`: one page. A body that carries its parameters is made where there is none.
///
/// # Errors
/// Where the next page is told in a way that has no like here.
pub fn translate(manifest: &Manifest<'_>, part: Option<&Part>, ask: &mut Ask) -> Res<Option<Value>> {
    let Some(part) = part.filter(|p| p.kind() != "NoPagination") else {
        return Ok(None);
    };
    part.no_code()?;
    let strategy = part.needs("pagination_strategy")?;
    strategy.no_code()?;
    let token = part.own("page_token_option");
    let size = strategy.get("page_size").or_else(|| part.get("page_size"));
    let size = match &size {
        None => None,
        Some(written) => Some(
            known_number(manifest, written)
                .ok_or_else(|| written.stop("the size of a page is no number that is known now"))?,
        ),
    };
    let size_param = part
        .own("page_size_option")
        .map(|option| option_place(&option, ask))
        .transpose()?;
    let is_path = token
        .as_ref()
        .is_some_and(|t| t.kind() == "RequestPath" || t.text_of("inject_into").as_deref() == Some("path"));
    let carried = match &token {
        Some(option) if !is_path => Some(option_place(option, ask)?),
        _ => ask.mark.take().map(|name| (name, "query")),
    };
    if let (true, Some((name, "query")), Some(size)) = (is_path, &size_param, size) {
        // A link says it itself: of what it leads to, the first page is asked with it.
        ask.query.insert(name.clone(), size.into());
    }
    if let (Some((_, one)), Some((_, other))) = (&carried, &size_param)
        && one != other
    {
        return Err(part.stop("the size of a page and its mark go to different places"));
    }
    let found = match strategy.kind().as_str() {
        "OffsetIncrement" => offset(&strategy, carried, size_param, size, ask),
        "PageIncrement" => page(&strategy, carried, size_param, size, ask),
        "CursorPagination" => cursor(&strategy, carried, size_param, size, is_path, ask),
        other => Err(strategy.stop(format!("a strategy of kind {other} is not known"))),
    }?;
    for told in [
        "inject_on_first_request",
        "cursor_value",
        "stop_condition",
        "start_from_page",
    ] {
        strategy.own(told);
    }
    for told in ["url_base", "decoder", "page_size"] {
        part.own(told);
    }
    manifest.unasked(&strategy);
    manifest.unasked(part);
    Ok(Some(found))
}

/// A number that is written, or what the setting that is named has by default.
fn known_number(manifest: &Manifest<'_>, part: &Part) -> Option<u64> {
    if let Some(number) = part.whole() {
        return Some(number);
    }
    let text = manifest.words(part, &super::words::Scope::default()).ok()?;
    let number = match text.strip_prefix("${env:").and_then(|t| t.split_once(":-")) {
        Some((_, default)) => {
            let default = default.trim_end_matches('}').parse().ok()?;
            manifest.differs(
                part,
                format!("the size of a page is {default} in any case: it is no setting here"),
            );
            default
        }
        None => text.trim().parse().ok()?,
    };
    Some(number)
}

fn option_place(option: &Part, ask: &mut Ask) -> Res<(String, &'static str)> {
    Ok((option_name(option)?, ask.place(option)?))
}

/// `in:`, where it is not the query.
fn placed(spec: &mut Map<String, Value>, place: &str) {
    if place != "query" {
        spec.insert("in".into(), place.into());
    }
}

type Carried = Option<(String, &'static str)>;

fn offset(strategy: &Part, carried: Carried, size_param: Carried, size: Option<u64>, ask: &mut Ask) -> Res<Value> {
    let (param, place) = carried.ok_or_else(|| strategy.stop("no option says where the offset goes"))?;
    let size =
        size.ok_or_else(|| strategy.stop("an offset without `page_size`: which page is the last cannot be told"))?;
    let mut spec = Map::new();
    spec.insert("param".into(), param.into());
    // The size is always sent; where it stands in the request already, under the name that it has there.
    let same =
        |value: &Value| value.as_u64() == Some(size) || value.as_str().and_then(|t| t.parse().ok()) == Some(size);
    let written = ask
        .query
        .iter()
        .find(|(_, value)| same(value))
        .map(|(name, _)| name.clone());
    let limit = size_param
        .map(|(name, _)| name)
        .or(written)
        .unwrap_or_else(|| "limit".into());
    ask.query.shift_remove(&limit);
    spec.insert("limit_param".into(), limit.into());
    spec.insert("limit".into(), size.into());
    placed(&mut spec, place);
    Ok(json!({ "offset": spec }))
}

fn page(strategy: &Part, carried: Carried, size_param: Carried, size: Option<u64>, ask: &mut Ask) -> Res<Value> {
    let (param, place) = carried.ok_or_else(|| strategy.stop("no option says where the number of the page goes"))?;
    let start = strategy.get("start_from_page").map_or(Some(0), |p| p.whole());
    let start = start.ok_or_else(|| strategy.stop("`start_from_page` is no number"))?;
    let mut spec = Map::new();
    spec.insert("param".into(), param.into());
    spec.insert("start".into(), start.into());
    sized(&mut spec, size_param, size, ask);
    placed(&mut spec, place);
    Ok(json!({ "page": spec }))
}

fn sized(spec: &mut Map<String, Value>, size_param: Carried, size: Option<u64>, ask: &mut Ask) {
    if let (Some((name, _)), Some(_)) = (&size_param, size) {
        ask.query.shift_remove(name);
        spec.insert("size_param".into(), name.clone().into());
    }
    if let Some(size) = size {
        spec.insert("size".into(), size.into());
    }
}

/// What ends the pages, as far as it can be said.
enum Stop {
    /// Nothing but what ends them anyway.
    Usual,
    /// An answer that says, by false at this path, that there are no more.
    HasMore(String),
    /// A page that has fewer records than this.
    Fewer(u64),
    /// A page without records.
    Empty,
}

fn cursor(
    strategy: &Part,
    carried: Carried,
    size_param: Carried,
    size: Option<u64>,
    is_path: bool,
    ask: &mut Ask,
) -> Res<Value> {
    let value = strategy.needs("cursor_value")?;
    let text = value.text().unwrap_or_default();
    let unknown = || {
        value.stop(format!(
            "the mark of the next page is more than one path: `{}`",
            text.trim()
        ))
    };
    let (root, steps) = inside(&text).and_then(path).ok_or_else(unknown)?;
    let told = match strategy.own("stop_condition") {
        None => Stop::Usual,
        Some(condition) => stop(&condition, &root, &steps)?,
    };
    let by_names: Vec<&str> = steps
        .iter()
        .filter_map(|s| {
            if let Step::Name(name) = s {
                Some(name.as_str())
            } else {
                None
            }
        })
        .collect();
    let mut spec = Map::new();
    let place = match root.as_str() {
        "response" => Value::from(json_path(&steps)),
        "headers" => match by_names.as_slice() {
            [link, relation, "url"] if link.eq_ignore_ascii_case("link") => {
                if !is_path {
                    return Err(value.stop("the link of a header is a whole address, and is to go into a parameter"));
                }
                return Ok(json!({ "link_header": relation }));
            }
            [header] => json!({ "header": header }),
            _ => return Err(unknown()),
        },
        "last_record" | "last_records" => {
            let steps = if root == "last_records" && steps.first() == Some(&Step::Index(-1)) {
                &steps[1..]
            } else {
                &steps[..]
            };
            if root == "last_records" && steps.len() == by_names.len() + 1 {
                return Err(unknown());
            }
            let (param, place) =
                carried.ok_or_else(|| strategy.stop("no option says where the mark of the next page goes"))?;
            spec.insert("param".into(), param.into());
            spec.insert("path".into(), json_path(steps).into());
            let size = match told {
                Stop::Fewer(least) => Some(least),
                _ => size,
            };
            match &told {
                Stop::HasMore(path) => {
                    sized(&mut spec, size_param, size, ask);
                    spec.insert("has_more".into(), path.as_str().into());
                }
                // Without a stop condition of its own only a page without records is the last.
                _ if size_param.is_some() || matches!(told, Stop::Fewer(_)) => sized(&mut spec, size_param, size, ask),
                _ => {}
            }
            placed(&mut spec, place);
            return Ok(json!({ "last_record": spec }));
        }
        _ => return Err(unknown()),
    };
    if is_path {
        return match told {
            Stop::Usual => Ok(json!({ "next_link": place })),
            _ => Err(strategy.stop("a link to the next page with a stop condition of another place has no like here")),
        };
    }
    let (param, at) = carried.ok_or_else(|| strategy.stop("no option says where the mark of the next page goes"))?;
    spec.insert("param".into(), param.into());
    spec.insert("path".into(), place);
    match told {
        Stop::Usual => {}
        Stop::HasMore(path) => drop(spec.insert("has_more".into(), path.into())),
        Stop::Fewer(_) | Stop::Empty => {
            return Err(
                strategy.stop("pages that have a mark and end by the number of their records have no like here")
            );
        }
    }
    if let (Some(_), Some(_)) = (&size_param, size) {
        sized(&mut spec, size_param, size, ask);
    }
    placed(&mut spec, at);
    Ok(json!({ "cursor": spec }))
}

/// What a stop condition says, beside a mark at this path.
fn stop(condition: &Part, root: &str, steps: &[Step]) -> Res<Stop> {
    let text = condition.text().unwrap_or_default();
    let unknown = || {
        condition.stop(format!(
            "when the pages end is said in a way that has no like here: `{}`",
            text.trim()
        ))
    };
    let mut words = inside(&text).ok_or_else(unknown)?.trim();
    if words.eq_ignore_ascii_case("false") {
        return Ok(Stop::Usual);
    }
    // What is wanted of the value: that it is false, or that it is nothing.
    let lower = words.to_lowercase();
    if let Some(rest) = words.strip_prefix("not ") {
        words = rest.trim();
    } else if let Some(at) = [
        "is false",
        "== false",
        "is none",
        "== none",
        "== ''",
        "== \"\"",
        "is not defined",
    ]
    .iter()
    .find(|end| lower.ends_with(**end))
    {
        words = words[..words.len() - at.len()].trim();
    } else if let Some((of, than)) = words.split_once('<') {
        let least = than.trim().parse().map_err(|_| unknown())?;
        return match of.trim() {
            "last_page_size" | "last_records | length" | "last_records|length" => Ok(Stop::Fewer(least)),
            _ => Err(unknown()),
        };
    } else if let Some((of, "0")) = words.split_once("==").map(|(of, zero)| (of.trim(), zero.trim())) {
        return match of {
            "last_page_size" => Ok(Stop::Empty),
            _ => Err(unknown()),
        };
    } else {
        return Err(unknown());
    }
    let words = words
        .strip_prefix('(')
        .and_then(|w| w.strip_suffix(')'))
        .unwrap_or(words);
    let (of, at) = path(words.trim()).ok_or_else(unknown)?;
    match of.as_str() {
        // Where what is around the mark is nothing, so is the mark.
        of if of == root && steps.starts_with(&at) => Ok(Stop::Usual),
        "headers" if root == "headers" => Ok(Stop::Usual),
        "last_record" | "last_records" => Ok(Stop::Empty),
        "response" if !at.is_empty() => Ok(Stop::HasMore(json_path(&at))),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests;

//! Where records stand: decoders, extractors and filters in the words of `decoder:` and `records:`.

use super::Manifest;
use super::tree::{Part, Res};
use super::words::{self, Scope, is_word, quoted};
use serde_json::{Map, Value, json};

/// No slice has more records: a filter takes all that meet its condition.
const ALL: u64 = 1_000_000_000;

/// Translates what answers are written in; `None`: JSON.
///
/// # Errors
/// Where they cannot be read here.
pub fn decoder(manifest: &Manifest<'_>, part: Option<&Part>) -> Res<Option<Value>> {
    let Some(part) = part else { return Ok(None) };
    part.no_code()?;
    let found = match part.kind().as_str() {
        "JsonDecoder" => None,
        "JsonlDecoder" => Some(json!("json_lines")),
        "XmlDecoder" => Some(json!("xml")),
        "CsvDecoder" => {
            let mut csv = Map::new();
            csv.insert("format".into(), "csv".into());
            if let Some(delimiter) = part.text_of("delimiter").filter(|d| d != ",") {
                csv.insert("delimiter".into(), delimiter.replace("\\t", "\t").into());
            }
            if let Some(encoding) = part.own("encoding").filter(|e| !is_utf8(&e.text().unwrap_or_default())) {
                return Err(encoding.stop("tables are read as UTF-8 alone"));
            }
            if let Some(nothing) = part.own("set_values_to_none") {
                manifest.differs(&nothing, "an empty field is null, and no other is");
            }
            match csv.len() {
                1 => Some(json!("csv")),
                _ => Some(Value::Object(csv)),
            }
        }
        // What is packed is unpacked in any case.
        "GzipDecoder" | "ZipfileDecoder" | "CompositeRawDecoder" | "GzipParser" => {
            let inner = part
                .own("decoder")
                .or_else(|| part.own("parser"))
                .or_else(|| part.own("inner_parser"));
            decoder(manifest, inner.as_ref())?
        }
        "JsonParser" => None,
        "JsonLineParser" => Some(json!("json_lines")),
        "CsvParser" => Some(json!("csv")),
        "JsonItemsDecoder" => Some(json!({ "format": "json", "stream": true })),
        other => return Err(part.stop(format!("answers of kind {other} are not known"))),
    };
    part.own("items_path");
    part.own("encoding");
    manifest.unasked(part);
    Ok(found)
}

fn is_utf8(encoding: &str) -> bool {
    ["", "utf-8", "utf8", "utf-8-sig", "ascii"].contains(&encoding.to_lowercase().as_str())
}

/// What is known of answers before their records are told.
pub struct Shape<'a> {
    /// Whether more than one record is expected, because there are pages.
    pub is_list: bool,
    /// Whether an answer has a value a line, as JSON lines and tables have.
    pub is_lines: bool,
    /// Where the parts of a large answer stand.
    pub items: Option<&'a Part>,
}

impl<'a> Shape<'a> {
    /// Of answers that are written like this.
    pub fn of(decoder: Option<&Value>, is_list: bool, items: Option<&'a Part>) -> Shape<'a> {
        let format = decoder.map(|d| d.get("format").unwrap_or(d));
        let is_lines = format.is_some_and(|f| f == "json_lines" || f == "csv");
        Shape {
            is_list,
            is_lines,
            items,
        }
    }
}

/// Translates a record selector.
///
/// # Errors
/// Where the records cannot be told.
pub fn selector(manifest: &Manifest<'_>, part: &Part, scope: &Scope, shape: &Shape<'_>) -> Res<Value> {
    part.no_code()?;
    let written = part.own("extractor");
    let mut records = extractor(manifest, written.as_ref(), shape)?;
    if let Some(filter) = part.own("record_filter") {
        filter.no_code()?;
        if let Some(condition) = filter
            .own("condition")
            .filter(|c| c.text().is_some_and(|t| !t.trim().is_empty()))
        {
            let text = condition.text().unwrap_or_default();
            let words = words::condition(manifest, &condition, &text, scope).map_err(|why| {
                condition.stop(format!(
                    "which records are wanted is said in a way that has no like here: {why}"
                ))
            })?;
            records.insert("pick".into(), json!({ "where": words, "first": ALL, "none": "ignore" }));
        }
        manifest.unasked(&filter);
    }
    if let Some(normalisation) = part.own("schema_normalization") {
        match normalisation.text().as_deref() {
            Some("None") => {}
            Some(_) => manifest.differs(
                &normalisation,
                "values are not turned into the types of the schema: one that is no value of its column is set aside",
            ),
            None => return Err(normalisation.stop("it is code of the connector's own")),
        }
    }
    // Columns are made of the records that are picked.
    part.own("transform_before_filtering");
    manifest.unasked(part);
    Ok(Value::Object(records))
}

/// The path of the records, and what it means when nothing is there.
fn extractor(manifest: &Manifest<'_>, part: Option<&Part>, shape: &Shape<'_>) -> Res<Map<String, Value>> {
    let Shape {
        is_list,
        is_lines,
        items,
    } = *shape;
    let mut steps: Vec<String> = Vec::new();
    let mut expanded: Vec<String> = Vec::new();
    if let Some(items) = items {
        // `data.item`: the elements of `data`.
        let path = items.text().unwrap_or_default();
        let path = path
            .strip_suffix(".item")
            .or_else(|| path.strip_suffix("item"))
            .unwrap_or(&path);
        steps.extend(path.split('.').filter(|s| !s.is_empty()).map(str::to_string));
    }
    if let Some(part) = part {
        part.no_code()?;
        if !matches!(part.kind().as_str(), "" | "DpathExtractor" | "ResponseToFileExtractor") {
            return Err(part.stop(format!("an extractor of kind {} is not known", part.kind())));
        }
        for step in part.get("field_path").iter().flat_map(|p| p.items()) {
            steps.push(manifest.words(&step, &Scope::default())?);
        }
        if let Some(expander) = part.own("record_expander") {
            for step in expander.needs("expand_records_from_field")?.items() {
                expanded.push(manifest.words(&step, &Scope::default())?);
            }
            if expander.own("remain_original_record").is_some_and(|p| p.is_true()) {
                return Err(expander.stop(
                    "records that keep the record around them have no like here: name its values in `records.parent`",
                ));
            }
            if let Some(nothing) = expander
                .own("on_no_records")
                .filter(|p| p.text().as_deref() != Some("skip"))
            {
                return Err(nothing.stop("a record that stands for a list that is empty has no like here"));
            }
            manifest.unasked(&expander);
        }
        // Values that look like nothing are what they are.
        part.own("preserve_na_values");
        part.own("decoder");
        manifest.unasked(part);
    }
    let mut records = Map::new();
    let is_open = |step: &String| step.contains("{{") || step.contains("${");
    if let Some(place) = part.or(items)
        && steps.iter().chain(&expanded).any(is_open)
    {
        return Err(place.stop("a path that depends on a setting has no like here"));
    }
    let lines = if is_lines { "[*]" } else { "" };
    let mut path = format!("${lines}{}", path_of(&steps).trim_start_matches('$'));
    // Each value that a `*` leads to is a record, whatever is around it. A line is one by itself.
    let is_whole = steps.iter().any(|step| step.contains('*')) || (is_lines && steps.is_empty() && expanded.is_empty());
    if !is_whole {
        // What is expanded stands in one object, unless there are pages of them.
        if expanded.is_empty() || is_list {
            path.push_str("[*]");
        }
        if !expanded.is_empty() {
            path.push_str(path_of(&expanded).trim_start_matches('$'));
            path.push_str("[*]");
        }
    }
    records.insert("path".into(), path.into());
    records.insert("missing".into(), "empty".into());
    if !is_whole && !is_list && !is_lines && expanded.is_empty() {
        records.insert("single".into(), true.into());
    }
    Ok(records)
}

/// Keys as a JSONPath, in which `*` stands for all of them.
fn path_of(steps: &[String]) -> String {
    let mut path = "$".to_string();
    for step in steps {
        match step.as_str() {
            "**" => path.push_str(".."),
            "*" => path.push_str(".*"),
            name if is_word(name) && path.ends_with("..") => path.push_str(name),
            name if is_word(name) => path.push_str(&format!(".{name}")),
            name => path.push_str(&format!("[{}]", quoted(name))),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn keys_become_a_path() {
        let of = |steps: &[&str]| path_of(&steps.iter().map(|s| s.to_string()).collect::<Vec<_>>());
        assert_eq!(of(&[]), "$");
        assert_eq!(of(&["data", "items"]), "$.data.items");
        assert_eq!(of(&["a-b", "it's"]), "$['a-b']['it\\'s']");
        assert_eq!(of(&["data", "*", "record"]), "$.data.*.record");
        assert_eq!(of(&["**", "record"]), "$..record");
    }
}

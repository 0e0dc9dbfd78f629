//! Values as YAML that people read and change: short lists and mappings in one line, everything else below each other.

use segue_spec::yaml::plain;
use serde_json::Value;

/// What fits into one line.
const WIDE: usize = 100;

/// A mapping as a file.
pub fn written(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                out.push_str(&format!("{pad}{}:", plain(key)));
                below(value, indent, indent + key.len(), out);
            }
        }
        Value::Array(items) => {
            for item in items {
                out.push_str(&format!("{pad}-"));
                match item {
                    Value::Object(_) | Value::Array(_) if inline(item, false).len() + indent > WIDE => {
                        let mut inner = String::new();
                        block(item, indent + 2, &mut inner);
                        out.push_str(&format!(" {}", inner.trim_start()));
                    }
                    _ => out.push_str(&format!(" {}\n", inline(item, false))),
                }
            }
        }
        other => out.push_str(&format!("{pad}{}\n", inline(other, false))),
    }
}

/// What stands behind a key.
fn below(value: &Value, indent: usize, used: usize, out: &mut String) {
    let line = inline(value, false);
    let is_small = used + line.len() + 3 <= WIDE;
    let is_leaf = !matches!(value, Value::Object(_) | Value::Array(_));
    // The first two levels of a file are always below each other.
    if is_leaf || (is_small && indent > 0) || line == "{}" || line == "[]" {
        out.push_str(&format!(" {line}\n"));
        return;
    }
    out.push('\n');
    block(value, indent + 2, out);
}

fn inline(value: &Value, is_inside: bool) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => scalar(text, is_inside),
        Value::Array(items) if items.is_empty() => "[]".into(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|v| inline(v, true)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) if fields.is_empty() => "{}".into(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(k, v)| format!("{}: {}", plain(k), inline(v, true)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}

/// A text: in quotes, unless it is a word, a path or an address, where that may stand.
fn scalar(text: &str, is_inside: bool) -> String {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '$' || c == '/';
    let is_path = |c: char| c.is_ascii_alphanumeric() || "_./$".contains(c) || (!is_inside && "*[]".contains(c));
    let is_address = (text.starts_with("http://") || text.starts_with("https://"))
        && !is_inside
        && !text.ends_with(':')
        && !text.contains([' ', '#', '{', '}', '"', '\'', ',']);
    // Two letters at least: what looks like a number or a truth is none of them.
    match (text.starts_with(['$', '/']) && text.len() > 1 && text.starts_with(begins) && text.chars().all(is_path))
        || is_address
    {
        true => text.to_string(),
        false => plain(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let value = json!({
            "connection": "a_b",
            "base_url": "https://api.example.com/v1",
            "auth": { "api_key": { "header": "X-Key", "value": "${secret:A_KEY}" } },
            "copy": {
                "for_each": { "list": [{ "id": 1, "name": "yes" }, { "id": "2", "name": "it's: \"so\"" }] },
                "request": { "get": "/a/{{ each.id }}", "query": { "q": "", "n": 5, "b": true, "long": "x".repeat(120) } },
                "records": "$.items[*]",
                "empty": {}, "none": [],
                "parents": [{ "request": { "get": "/p" }, "records": { "path": "$['a-b'][*]", "missing": "empty" }, "take": { "id": "$.id" }, "more": "y".repeat(80) }],
                "lines": "a\nb\n",
            },
        });
        let text = written(&value);
        let mut found = Vec::new();
        let read = segue_spec::yaml::parse("x.yaml", &text, &mut found);
        assert!(found.is_empty(), "{found:?}\n{text}");
        assert_eq!(read.root.map(|r| r.to_json()), Some(value), "{text}");
        assert!(
            text.starts_with(
                "connection: a_b\nbase_url: https://api.example.com/v1\nauth:\n  api_key: { header: \"X-Key\""
            ),
            "{text}"
        );
        assert!(text.contains("  records: $.items[*]\n"), "{text}");
    }
}

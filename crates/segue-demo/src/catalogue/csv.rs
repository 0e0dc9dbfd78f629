//! Comma-separated text into records whose fields know their place.

use std::ops::Range;

/// One line: its fields and where it stands.
pub(super) struct Record {
    pub(super) fields: Vec<Field>,
    pub(super) bytes: Range<usize>,
}

/// One field: its value, and where it stands, quotes included.
pub(super) struct Field {
    pub(super) text: String,
    pub(super) bytes: Range<usize>,
}

/// What is wrong with a line as CSV, and where.
pub(super) struct Broken {
    pub(super) bytes: Range<usize>,
    pub(super) what: &'static str,
}

/// The records of a text (RFC 4180: quotes, doubled quotes, quoted newlines; also a byte order mark, `\r\n`, and empty
/// lines, which are passed over). A broken line is reported, and reading goes on with the next.
pub(super) fn records(text: &str) -> (Vec<Record>, Vec<Broken>) {
    let (mut records, mut broken) = (Vec::new(), Vec::new());
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    while at < text.len() {
        let start = at;
        match record(text, start) {
            Ok((fields, end)) => {
                at = end + line_break(text, end);
                if fields.len() > 1 || fields.iter().any(|f| !f.bytes.is_empty()) {
                    records.push(Record {
                        fields,
                        bytes: start..end,
                    });
                }
            }
            Err(mistake) => {
                let end = line_end(text, mistake.bytes.start);
                at = end + line_break(text, end);
                broken.push(mistake);
            }
        }
    }
    (records, broken)
}

/// The fields of the record at `at`, and where it ends.
fn record(text: &str, mut at: usize) -> Result<(Vec<Field>, usize), Broken> {
    let mut fields = Vec::new();
    loop {
        let field = if text[at..].starts_with('"') {
            quoted(text, at)?
        } else {
            plain(text, at)?
        };
        at = field.bytes.end;
        fields.push(field);
        if !text[at..].starts_with(',') {
            return Ok((fields, at));
        }
        at += 1;
    }
}

fn plain(text: &str, start: usize) -> Result<Field, Broken> {
    let stop = |c: char| matches!(c, ',' | '\n' | '"');
    let mut end = text[start..].find(stop).map_or(text.len(), |i| start + i);
    if text[end..].starts_with('"') {
        return Err(Broken {
            bytes: end..end + 1,
            what: "a quote in the middle of a field",
        });
    }
    if (text[end..].starts_with('\n') || end == text.len()) && text[start..end].ends_with('\r') {
        end -= 1;
    }
    Ok(Field {
        text: text[start..end].to_string(),
        bytes: start..end,
    })
}

fn quoted(text: &str, start: usize) -> Result<Field, Broken> {
    let mut value = String::new();
    let mut at = start + 1;
    loop {
        let Some(length) = text[at..].find('"') else {
            return Err(Broken {
                bytes: start..start + 1,
                what: "a quote that is never closed",
            });
        };
        value.push_str(&text[at..at + length]);
        at += length + 1;
        if !text[at..].starts_with('"') {
            break;
        }
        value.push('"');
        at += 1;
    }
    let rest = &text[at..];
    if !(rest.is_empty() || rest.starts_with([',', '\n']) || rest.starts_with("\r\n")) {
        let length = rest.chars().next().map_or(0, char::len_utf8);
        return Err(Broken {
            bytes: at..at + length,
            what: "something after a closing quote",
        });
    }
    Ok(Field {
        text: value,
        bytes: start..at,
    })
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |i| at + i)
}

/// How many bytes of line break stand at `at`. A lone `\r` at the end of the text is one too.
fn line_break(text: &str, at: usize) -> usize {
    match &text.as_bytes()[at..] {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

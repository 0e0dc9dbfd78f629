//! `segue check`

use crate::out::{Out, say};
use segue_app::{Loaded, Surroundings};
use segue_core::Result;
use segue_diag::{Kind, Severity, Span, Text};

pub fn run(surroundings: &Surroundings, environment: Option<&str>, out: &Out) -> Result<u8> {
    let (mut loaded, tests) = segue_app::load_with_tests(&segue_app::find(&surroundings.folder)?)?;
    loaded.environment(environment)?;
    loaded.diagnostics.extend(tests.diagnostics);
    out.value(&placed(&loaded));
    for drawn in drawings(&loaded, out) {
        out.line(format!("{drawn}\n"));
    }
    let mistakes = loaded.mistakes();
    let warnings = loaded
        .diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Warning)
        .count();
    if mistakes == 0 {
        let counted = loaded.project.as_ref().map_or(0, |p| p.assets.len());
        let warned = if warnings > 0 {
            format!(", {} to look at", count(warnings, "warning"))
        } else {
            String::new()
        };
        let families = match loaded.project.as_ref().map_or(0, |p| p.families.len()) {
            0 => String::new(),
            1 => " and 1 family".into(),
            n => format!(" and {n} families"),
        };
        let chats = match loaded.project.as_ref().map_or(0, |p| p.chats.len()) {
            0 => String::new(),
            n => format!(" and {}", count(n, "chat")),
        };
        out.line(format!(
            "{}{families}{chats} checked: nothing is wrong{warned}",
            count(counted, "asset")
        ));
        return Ok(0);
    }
    out.line(format!(
        "{}; `segue explain CODE` tells more about each",
        count(mistakes, "mistake")
    ));
    Ok(Kind::Invalid.exit_code())
}

/// Shows everything that is wrong beside a verb's own output, which another program may be reading.
pub fn show_beside(loaded: &Loaded, out: &Out) {
    if out.json {
        say(serde_json::json!({ "mistakes": placed(loaded) }));
    }
    for drawn in drawings(loaded, out) {
        out.note(format!("{drawn}\n"));
    }
}

/// What is wrong, each place also by line and column, from 1; columns count characters.
fn placed(loaded: &Loaded) -> serde_json::Value {
    let mut all = serde_json::to_value(&loaded.diagnostics).unwrap_or_default();
    for (value, diagnostic) in all.as_array_mut().into_iter().flatten().zip(&loaded.diagnostics) {
        if let Some(span) = &diagnostic.span {
            add_lines(&mut value["span"], span, loaded);
        }
        if let Some((span, _)) = &diagnostic.related {
            add_lines(&mut value["related"][0], span, loaded);
        }
    }
    all
}

fn add_lines(value: &mut serde_json::Value, span: &Span, loaded: &Loaded) {
    let (Some(fields), Some(text)) = (value.as_object_mut(), loaded.files.text(&span.file)) else {
        return;
    };
    let ends = [
        ("line", "column", span.bytes.start),
        ("end_line", "end_column", span.bytes.end),
    ];
    for (line_name, column_name, byte) in ends {
        let before = &text[..text.floor_char_boundary(byte)];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        fields.insert(line_name.into(), (before.matches('\n').count() + 1).into());
        fields.insert(column_name.into(), (before[start..].chars().count() + 1).into());
    }
}

fn drawings(loaded: &Loaded, out: &Out) -> impl Iterator<Item = String> {
    let draw = |d| segue_diag::render(d, &loaded.files, out.colour);
    loaded.diagnostics.iter().map(draw)
}

/// `1 mistake`, `2 mistakes`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

//! `segue reference DIR`: the reference pages that follow from the program itself. `cargo xtask gen` runs it, and a test compares.

mod commands;
mod settings;
mod types;

use crate::out::Out;
use segue_app::Surroundings;
use segue_core::{Context, Kind, Result};
use std::path::Path;

pub fn run(into: &Path, surroundings: &Surroundings, out: &Out) -> Result<u8> {
    let folder = surroundings.folder.join(into);
    let cannot = |path: &Path| format!("cannot write {}", path.display());
    std::fs::create_dir_all(&folder).context(Kind::Unavailable, cannot(&folder))?;
    for (name, text) in [
        ("commands.md", commands::page()),
        ("settings.md", settings::page()),
        ("types.md", types::page()),
    ] {
        let file = folder.join(name);
        let text = format!("<!-- Written by `cargo xtask gen` from the program itself. Do not edit. -->\n\n{text}");
        std::fs::write(&file, text).context(Kind::Unavailable, cannot(&file))?;
        out.line(file.display().to_string());
    }
    Ok(0)
}

/// A table in Markdown.
fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut text = format!("| {} |\n|{}\n", headings.join(" | "), "---|".repeat(N));
    for row in rows {
        let cells = row.each_ref().map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

/// With a full stop where there is none.
fn sentence(text: &str) -> String {
    let text = text.trim();
    match text.ends_with(['.', ':', ';', '?', '!']) || text.is_empty() {
        true => text.to_string(),
        false => format!("{text}."),
    }
}

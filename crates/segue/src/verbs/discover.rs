//! `segue discover CONNECTION [--scaffold]`

use crate::args::Discover;
use crate::out::Out;
use crate::verbs::check::count;
use segue_app::{App, Scaffolded};
use segue_core::source::Discovered;
use segue_core::{Ctx, Result};

pub async fn run(app: &App, discover: &Discover, ctx: &Ctx, out: &Out) -> Result<u8> {
    let connection = &discover.connection;
    let found = segue_app::discover(app, connection, &discover.tables, ctx).await?;
    if !discover.scaffold {
        out.value(&serde_json::json!({ "connection": connection, "tables": found }));
        draw(connection, &found, out);
        return Ok(0);
    }
    let done = segue_app::scaffold(app, connection, &found, discover.schema.as_deref())?;
    out.value(&serde_json::json!({ "connection": connection, "tables": found, "scaffold": done }));
    told(&done, out);
    Ok(0)
}

/// The tables, each with its columns below it.
fn draw(connection: &str, found: &[Discovered], out: &Out) {
    for one in found {
        let key = match one.table.key.is_empty() {
            true => String::new(),
            false => format!("  key: {}", one.table.key.join(", ")),
        };
        out.line(format!("{}{key}", one.table.name));
        if let Some(why) = &one.unreadable {
            out.line(format!("    cannot be read: {why}"));
        }
        let widest = |of: fn(&segue_core::source::Column) -> usize| one.columns.iter().map(of).max().unwrap_or(0);
        let (names, types) = (
            widest(|c| c.name.chars().count()),
            widest(|c| c.of.to_string().chars().count()),
        );
        for column in &one.columns {
            let required = if column.required { "required" } else { "" };
            let place = column.path.as_ref().map_or(String::new(), |path| format!("  ({path})"));
            let of = column.of.to_string();
            let line = format!("    {:<names$}  {of:<types$}  {required}{place}", column.name);
            out.line(line.trim_end());
        }
    }
    out.line(match found.len() {
        0 => format!("{connection} has no table that this user may read"),
        n => count(n, "table"),
    });
}

fn told(done: &Scaffolded, out: &Out) {
    for starter in &done.written {
        out.line(format!("  {}", starter.file));
    }
    for file in &done.there {
        out.note(format!("{file} is there, and was left as it is"));
    }
    for note in &done.notes {
        out.note(note);
    }
    match done.written.len() {
        0 => out.line("no file was written"),
        n => out.line(format!(
            "{} written. Next:\n  segue check\n  segue plan",
            match n {
                1 => "1 file was".to_string(),
                n => format!("{n} files were"),
            }
        )),
    }
}

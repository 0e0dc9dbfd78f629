//! `segue check`

use crate::out::Out;
use segue_app::{Loaded, Surroundings};
use segue_core::Result;
use segue_diag::{Kind, Severity};

pub fn run(surroundings: &Surroundings, out: &Out) -> Result<u8> {
    let loaded = segue_app::load(&segue_app::find(&surroundings.folder)?)?;
    show(&loaded, out);
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
        out.line(format!("{} checked: nothing is wrong{warned}", count(counted, "asset")));
        return Ok(0);
    }
    out.line(format!(
        "{}; `segue explain CODE` tells more about each",
        count(mistakes, "mistake")
    ));
    Ok(Kind::Invalid.exit_code())
}

/// Draws everything that is wrong.
pub fn show(loaded: &Loaded, out: &Out) {
    out.value(&loaded.diagnostics);
    for diagnostic in &loaded.diagnostics {
        out.line(segue_diag::render(diagnostic, &loaded.files, out.colour));
        out.line("");
    }
}

/// `1 mistake`, `2 mistakes`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

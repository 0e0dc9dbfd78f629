//! `segue check`

use crate::out::Out;
use segue_app::{Loaded, Surroundings};
use segue_core::Result;
use segue_diag::{Kind, Severity};

pub fn run(surroundings: &Surroundings, environment: Option<&str>, out: &Out) -> Result<u8> {
    let loaded = segue_app::load(&segue_app::find(&surroundings.folder)?)?;
    loaded.environment(environment)?;
    out.value(&loaded.diagnostics);
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
        out.line(format!("{} checked: nothing is wrong{warned}", count(counted, "asset")));
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
    out.value(&loaded.diagnostics);
    for drawn in drawings(loaded, out) {
        out.note(format!("{drawn}\n"));
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

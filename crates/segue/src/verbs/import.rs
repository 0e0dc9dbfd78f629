//! `segue import airbyte-manifest FILE`

use crate::args::Import;
use crate::out::Out;
use crate::verbs::check::count;
use crate::verbs::connect::{files, needed};
use segue_app::{Effect, ImportRequest, Imported, Surroundings};
use segue_core::Result;

/// What it ends with where something was left out, as a run does.
const PARTIAL: u8 = 8;

pub fn run(import: &Import, surroundings: &Surroundings, out: &Out) -> Result<u8> {
    let Import::AirbyteManifest { file, into, name } = import;
    let imported = segue_app::import_airbyte(&ImportRequest {
        file: file.clone(),
        into: into.clone(),
        folder: surroundings.folder.clone(),
        name: name.clone(),
    })?;
    out.value(&imported);
    files(&imported.written, &imported.there, out);
    let kinds = [
        (Effect::StreamLeftOut, "left out"),
        (Effect::LeftOut, "to be done by hand"),
        (Effect::Differs, "not quite as it was"),
    ];
    for (effect, title) in kinds {
        remarks(&imported, effect, title, out);
    }
    if !imported.needed.is_empty() {
        out.line("\nTaken from outside:");
        needed(&imported.needed, out);
    }
    out.line(format!(
        "\n{} imported, {} left out. Next, in {}:\n  segue check\n  segue preview {}",
        count(imported.assets.len(), "stream"),
        imported
            .remarks
            .iter()
            .filter(|r| r.effect == Effect::StreamLeftOut)
            .count(),
        imported.folder.display(),
        imported.assets.first().map_or("ASSET", |(_, asset)| asset.as_str()),
    ));
    Ok(match imported.is_partial() {
        true => PARTIAL,
        false => 0,
    })
}

fn remarks(imported: &Imported, effect: Effect, title: &str, out: &Out) {
    let mut all = imported.remarks.iter().filter(|r| r.effect == effect).peekable();
    if all.peek().is_none() {
        return;
    }
    out.line(format!("\n{title}:"));
    for remark in all {
        let stream = remark
            .stream
            .as_ref()
            .map(|name| format!("{name}: "))
            .unwrap_or_default();
        out.line(format!(
            "  line {}: {stream}{} ({})",
            remark.line, remark.what, remark.place
        ));
    }
}

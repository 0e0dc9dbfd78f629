//! `segue schema [--into DIR]`

use crate::out::Out;
use segue_app::Surroundings;
use segue_core::{Context, Kind, Result};
use std::path::Path;

pub fn run(into: Option<&Path>, surroundings: &Surroundings, out: &Out) -> Result<u8> {
    let schemas = segue_app::schemas();
    let Some(into) = into else {
        let all: serde_json::Map<_, _> = schemas.into_iter().collect();
        out.value(&all);
        out.line(serde_json::to_string_pretty(&all).unwrap_or_default());
        return Ok(0);
    };
    let folder = surroundings.folder.join(into);
    std::fs::create_dir_all(&folder).context(
        Kind::Unavailable,
        format!("cannot make the folder {}", folder.display()),
    )?;
    let mut files = Vec::new();
    for (name, schema) in schemas {
        let file = folder.join(format!("{name}.schema.json"));
        let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
        std::fs::write(&file, format!("{text}\n"))
            .context(Kind::Unavailable, format!("cannot write {}", file.display()))?;
        out.line(file.display().to_string());
        files.push(file);
    }
    out.value(&serde_json::json!({ "folder": folder, "files": files }));
    Ok(0)
}

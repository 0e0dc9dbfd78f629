//! How rows are found by a name, as the engine is told.

use segue_core::engine::TableKey;
use segue_core::sink::{CURRENT, DELETED_AT};
use segue_spec::Project;
use segue_spec::model::{Asset, DeleteMissing, WriteMode};
use segue_sql::{FindBy, NameOptions, Only};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the assets of a project say of it; their indexes are kept in this folder, if in one.
pub fn name_options(project: &Project, folder: Option<PathBuf>) -> NameOptions {
    let of_asset = |asset: &Asset| {
        let find = asset.find.as_ref().filter(|_| asset.into.is_none())?;
        let by = FindBy {
            id: find.id.clone(),
            name: find.name.clone(),
            aliases: find.aliases.clone(),
            popularity: find.popularity.clone(),
            only: only(asset),
        };
        Some((TableKey::new(asset.name.schema(), asset.name.table()), by))
    };
    let tables: BTreeMap<TableKey, FindBy> = project.assets.values().filter_map(of_asset).collect();
    NameOptions { folder, tables }
}

/// What was, and what is gone at its source, is not found.
fn only(asset: &Asset) -> Option<Only> {
    match (asset.write.mode, asset.write.delete_missing) {
        (WriteMode::History, _) => Some(Only::True(CURRENT.to_string())),
        (_, DeleteMissing::Soft) => Some(Only::Null(DELETED_AT.to_string())),
        _ => None,
    }
}

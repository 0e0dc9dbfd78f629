//! How rows are found by a name: by columns that can be looked in, of a table that is in the lake.

use super::All;
use super::asset::Draft;
use super::rules::texts;
use crate::types::Type;
use segue_diag::{Diagnostic, FIND_COLUMN, FIND_ELSEWHERE};

/// A key of `find:`, the types that its columns may have, and how they are told.
struct Key {
    name: &'static str,
    fits: fn(&Type) -> bool,
    wanted: &'static str,
}

const KEYS: [Key; 4] = [
    Key {
        name: "id",
        fits: |of| matches!(of, Type::String | Type::Uuid) || is_whole(of),
        wanted: "an id is text, a UUID or a whole number",
    },
    Key {
        name: "name",
        fits: |of| *of == Type::String,
        wanted: "a name is text",
    },
    Key {
        name: "aliases",
        fits: |of| match of {
            Type::List(of) => **of == Type::String,
            of => *of == Type::String,
        },
        wanted: "an alias is text, or a list of text",
    },
    Key {
        name: "popularity",
        fits: |of| is_whole(of) || matches!(of, Type::Float32 | Type::Float64 | Type::Decimal { .. }),
        wanted: "how well known something is, is a number",
    },
];

fn is_whole(of: &Type) -> bool {
    matches!(of, Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::UInt64)
}

pub(super) fn rules(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    let Some(find) = draft.root.entry("find") else { return };
    let mut found = Vec::new();
    if let Some(connection) = draft.elsewhere() {
        let message = format!("`find` of an asset that is written into `{connection}`: names are found in the lake");
        let mistake = Diagnostic::error(FIND_ELSEWHERE, Some(draft.span(&find.bytes)), message);
        found.push(mistake.hint("write it into the file of the asset that this one is made from"));
    }
    for key in KEYS {
        for (place, column) in texts(find.value.get(key.name)) {
            let Some(of) = declared(draft, &column).filter(|of| !(key.fits)(of)) else {
                continue;
            };
            let message = format!("`{}` names the column `{column}`, which is of type {of}", key.name);
            let mistake = Diagnostic::error(FIND_COLUMN, Some(place.span(draft.file)), message);
            found.push(mistake.hint(key.wanted));
        }
    }
    all.found.append(&mut found);
}

/// The type that the file gives a column; what SQL gives it shows when it runs.
fn declared(draft: &Draft<'_>, column: &str) -> Option<Type> {
    let column = draft.root.at(&["copy", "columns"])?.get(column)?;
    column.get("type")?.text()?.parse().ok()
}

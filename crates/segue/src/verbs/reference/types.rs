//! The page of types, from the one table of them.

use super::{sentence, table};
use segue_core::Type;

/// The whole page.
pub fn page() -> String {
    let all: Vec<_> = Type::examples().into_iter().map(|of| (of.mapping(), of)).collect();
    let code = |text: &str| format!("`{text}`");
    let meant: Vec<_> = all
        .iter()
        .map(|(m, _)| [code(&m.segue), sentence(m.meaning), m.json.to_string()])
        .collect();
    let kept: Vec<_> = all
        .iter()
        .map(|(m, _)| {
            [
                code(&m.segue),
                code(&m.arrow),
                code(&m.delta),
                code(&m.sqlite),
                m.sqlite_value.to_string(),
                code(&m.postgres),
            ]
        })
        .collect();
    let wider: Vec<_> = all
        .iter()
        .filter_map(|(m, of)| {
            let to: Vec<String> = all
                .iter()
                .filter(|(_, other)| of != other && of.widens_to(other))
                .map(|(other, _)| code(&other.segue))
                .collect();
            (!to.is_empty()).then(|| [code(&m.segue), to.join(", ")])
        })
        .collect();
    format!(
        "# Types\n\n\
         What a value can be. A type is written in `columns:` of a copy and in `params:`; `decimal`, `list`, `struct` and `vector` take \
         arguments, and stand here with some.\n\n{}\n\
         A CSV field is taken as that text would be, without quotes; an empty one is null. What does not fit is set aside with its place and its \
         raw text: nothing is rounded, cut or made null.\n\n\
         ## How they are kept\n\n\
         Any reader of Delta sees these types. What Delta lacks is kept in a near one, and the field's metadata (`{}`) says which it is.\n\n{}\n\
         ## What widens by itself\n\n\
         A column takes a wider type when every value stays what it is. Of what is not listed nothing widens; build the table anew with \
         `segue run ASSET --rebuild`.\n\n{}\n\
         A `decimal` widens to one with at least as many digits before and behind the point, a whole number to one that holds all its digits; a \
         `list` widens with its elements, and a `struct` with its fields, or by new ones.\n",
        table(["Type", "What it is", "Taken from JSON"], &meant),
        segue_core::types::TYPE_KEY,
        table(
            ["Type", "Arrow", "Delta", "SQLite", "stored there as", "PostgreSQL"],
            &kept
        ),
        table(["Type", "Widens to"], &wider),
    )
}

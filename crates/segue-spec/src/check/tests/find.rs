//! How rows are found by a name.

use super::{run, shop, with};
use insta::assert_snapshot;

/// The shop's stores, with more in their file.
fn stores(columns: &str, more: &str) -> String {
    let text = format!(
        "asset: raw.stores\ncopy:\n  from: files\n  path: data/stores.csv\n  columns: {{ id: {{ type: string }}, city: {{ type: string }}{columns} }}\n{more}\n"
    );
    with("assets/raw/stores.yaml", &text)
}

#[test]
fn columns_that_names_are_found_by() {
    let columns = ", more: { type: list<string> }, known: { type: float64 }";
    assert_eq!(stores(columns, "find: { id: id, name: city }"), "");
    assert_eq!(
        stores(
            columns,
            "find: { id: id, name: city, aliases: more, popularity: known }"
        ),
        ""
    );
    assert_eq!(stores(columns, "find: { id: id, name: city, aliases: [id, more] }"), "");
}

#[test]
fn what_cannot_be_looked_in_is_said_at_its_place() {
    assert_snapshot!(stores("", "find: { id: id }"), @"SG0108 assets/raw/stores.yaml:6 `find`: `find` lacks the key `name` — write `name:` with the name of a column");
    assert_snapshot!(stores("", "find: { id: idd, name: town, aliases: [city, cty], popularity: fame }"), @r"
    SG0130 assets/raw/stores.yaml:6 `idd`: the asset has no column `idd` — did you mean `id`?
    SG0130 assets/raw/stores.yaml:6 `town`: the asset has no column `town` — there are: `id`, `city`
    SG0130 assets/raw/stores.yaml:6 `cty`: the asset has no column `cty` — did you mean `city`?
    SG0130 assets/raw/stores.yaml:6 `fame`: the asset has no column `fame` — there are: `id`, `city`
    ");
    assert_snapshot!(stores("", "find: { id: id, name: city, alias: city }"), @"SG0107 assets/raw/stores.yaml:6 `alias`: `find` has no key `alias` — did you mean `aliases`?");
    assert_snapshot!(stores(", open: { type: date }", "find: { id: open, name: open, aliases: [city, open], popularity: open }"), @r"
    SG1001 assets/raw/stores.yaml:6 `open`: `id` names the column `open`, which is of type date — an id is text, a UUID or a whole number
    SG1001 assets/raw/stores.yaml:6 `open`: `name` names the column `open`, which is of type date — a name is text
    SG1001 assets/raw/stores.yaml:6 `open`: `aliases` names the column `open`, which is of type date — an alias is text, or a list of text
    SG1001 assets/raw/stores.yaml:6 `open`: `popularity` names the column `open`, which is of type date — how well known something is, is a number
    ");
    assert_snapshot!(stores("", "find: city"), @"SG0109 assets/raw/stores.yaml:6 `city`: `find` wants a mapping, not the text `city`");
    assert_snapshot!(
        with("assets/out/totals.yaml", "asset: out.totals\ncopy: { from: lake, table: raw.stores }\ninto: { connection: out, table: totals }\nfind: { id: id, name: city }\n"),
        @"SG1002 assets/out/totals.yaml:4 `find`: `find` of an asset that is written into `out`: names are found in the lake — write it into the file of the asset that this one is made from"
    );
}

#[test]
fn columns_of_sql_are_looked_up_too() {
    assert_snapshot!(with("assets/x.sql", "/* asset: a.x\n   find: { id: id, name: town } */\nselect id, city from raw.stores"), @"SG0130 assets/x.sql:2 `town`: the asset has no column `town` — there are: `id`, `city`");
}

#[test]
fn sql_that_finds_by_name_wants_it_said_how() {
    assert_snapshot!(with("assets/x.sql", "/* asset: a.x */\nselect id, name from resolve('seoul', 'raw.stores')"), @"SG1003 assets/x.sql:2 `'raw.stores'`: `raw.stores` does not say how its rows are found by a name — write `find: { id: …, name: … }` into the file of `raw.stores`, with its columns");
    let mut files = shop();
    for (path, text) in &mut files {
        if *path == "assets/raw/stores.yaml" {
            *text = "asset: raw.stores\ncopy: { from: files, path: data/stores.csv, columns: { id: { type: string }, city: { type: string } } }\nfind: { id: id, name: city }\n";
        }
    }
    files.push((
        "assets/x.sql",
        "/* asset: a.x */\nselect id, name, sure from resolve('seoul', 'raw.stores')",
    ));
    let (project, found, _) = run(&files);
    assert!(found.is_empty(), "{found:?}");
    let project = project.expect("it is right");
    let reads = |name: &str| {
        project
            .assets
            .iter()
            .find(|(n, _)| n.as_str() == name)
            .map(|(_, a)| a.reads.clone())
    };
    let reads: Vec<String> = reads("a.x")
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(reads, ["raw.stores"]);
}

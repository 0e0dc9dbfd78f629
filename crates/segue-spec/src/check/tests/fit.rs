//! Values that do not fit, places that two would share, files that nobody can look into.

use super::{connectors, lines, run, shop, with};
use crate::files::{LARGEST_FILE, Unread};
use crate::{Files, check_with_patterns};
use insta::assert_snapshot;

fn copy(rest: &str) -> String {
    let columns = "id: { type: int64 }, name: { type: string }, at: { type: timestamp }, on: { type: date }, price: { type: \"decimal(10,2)\" }";
    with(
        "assets/x.yaml",
        &format!("asset: raw.x\ncopy:\n  from: files\n  path: data/x.csv\n  columns: {{ {columns} }}\n{rest}"),
    )
}

#[test]
fn what_a_check_compares_with_fits_its_column() {
    assert_snapshot!(copy("checks:\n  - { between: { column: id, min: 2024-01-01 } }\n  - { accepted: { column: id, values: [1, x] } }\n  - { matches: { column: id, pattern: a } }\n  - { accepted: { column: name, values: [1] } }\n  - { between: { column: at, min: soon, max: 3 } }\n"), @r#"
    SG0136 assets/x.yaml:7 `2024-01-01`: `id` is of type int64, and cannot be compared with the text `2024-01-01` — write a value of type int64
    SG0136 assets/x.yaml:8 `x`: `id` is of type int64, and cannot be compared with the text `x` — write a value of type int64
    SG0136 assets/x.yaml:9 `id`: `matches` looks at text, and `id` is of type int64 — say it with `row:`, an SQL condition
    SG0136 assets/x.yaml:10 `1`: `name` is of type string, and cannot be compared with the number 1 — if it is text, quote it: "1"
    SG0136 assets/x.yaml:11 `soon`: `at` is of type timestamp, and cannot be compared with the text `soon` — write a value of type timestamp
    SG0136 assets/x.yaml:11 `3`: `at` is of type timestamp, and cannot be compared with the number 3 — write a value of type timestamp
    "#);
    assert_snapshot!(copy("checks:\n  - { between: { column: id, min: 1, max: '9' } }\n  - { matches: { column: name, pattern: a } }\n  - { between: { column: at, min: 2024-01-01, max: '2025-01-01T00:00:00Z' } }\n  - { between: { column: on, min: 2024-01-01 } }\n  - { between: { column: price, min: 0.5 } }\n  - { accepted: { column: nme, values: [1] } }\n"), @r#"SG0130 assets/x.yaml:12 `nme`: the asset has no column `nme` — did you mean `name`?"#);
}

#[test]
fn bounds_that_bound_nothing() {
    assert_snapshot!(copy("checks: [ { row_count: {} }, { between: { column: id } } ]\n"), @r#"
    SG0136 assets/x.yaml:6 `row_count`: `row_count` has neither `min` nor `max` — write at least one of them
    SG0136 assets/x.yaml:6 `between`: `between` has neither `min` nor `max` — write at least one of them
    "#);
}

#[test]
fn a_pattern_must_be_one() {
    let mut files: Files = shop().into_iter().collect();
    files.insert("assets/x.yaml", "asset: raw.x\ncopy: { from: lake, table: raw.stores }\nchecks: [ { matches: { column: id, pattern: \"(\" } } ]\n");
    let (_, found) = check_with_patterns(&files, &connectors(), |p| {
        (p == "(").then(|| "it is not closed".to_string())
    });
    assert_snapshot!(lines(&found, &files), @r#"SG0136 assets/x.yaml:3 `"("`: `(` is no regular expression: it is not closed"#);
}

#[test]
fn a_condition_on_a_row_looks_at_no_others() {
    assert_snapshot!(copy("checks:\n  - { row: \"count(*) > 1\" }\n  - { row: \"id < row_number() over (order by id)\" }\n  - { row: \"id <= (select max(id) from raw.x)\" }\n  - { row: \"abs(id) > 1\" }\n"), @r#"
    SG0136 assets/x.yaml:7 `count`: `count` looks at several rows, and a `row` judges each by itself — write `row_count:`, or `sql:` with a query that returns nothing when all is well
    SG0136 assets/x.yaml:8 `row_number`: `row_number` looks at several rows, and a `row` judges each by itself — write `row_count:`, or `sql:` with a query that returns nothing when all is well
    "#);
}

#[test]
fn a_default_is_of_its_type() {
    let params = |params: &str| {
        with(
            "assets/x.sql",
            &format!("/* asset: a.x\n   params: {{ {params} }} */\nselect id from raw.stores where id = $a"),
        )
    };
    assert_snapshot!(params("a: { type: int64, default: abc }"), @r#"SG0109 assets/x.sql:2 `abc`: the default of `a` is the text `abc`, and its type is int64 — write a value of the type, or another `type:`"#);
    assert_snapshot!(params("a: { default: 5 }"), @r#"SG0109 assets/x.sql:2 `5`: the default of `a` is the number 5, and its type is string — if it is text, quote it: "5""#);
    assert_snapshot!(params("a: { type: int8, default: 300 }"), @r#"SG0109 assets/x.sql:2 `300`: the default of `a` is the number 300, and its type is int8 — write a value of the type, or another `type:`"#);
    assert_snapshot!(params("a: { type: date, default: 2024-01-01 }"), @"");
    assert_snapshot!(params("a: { type: float64, default: 3 }"), @"");
}

#[test]
fn a_range_goes_over_time() {
    assert_snapshot!(with("assets/x.sql", "/* asset: a.x\n   range: { by: day, input: raw.orders.store, output: store, start: 2024-01-01 } */\nselect store from raw.orders where store >= $from and store < $to"), @r#"SG0109 assets/x.sql:2 `raw.orders.store`: `raw.orders.store` is of type string, and a range goes over time — name a column of type `timestamp`, `local_timestamp` or `date`"#);
}

#[test]
fn environments_are_apart() {
    let one = |text: &str| {
        with(
            "segue.yaml",
            &format!("format: 1\nproject: shop\nenvironments:\n{text}"),
        )
    };
    assert_snapshot!(one("  dev: {}\n  prod: {}\n"), @r#"
    SG0108 segue.yaml:5 `prod`: the environment `prod` lacks the key `lake` — only `dev` has a place by default
    SG0108 segue.yaml:5 `prod`: the environment `prod` lacks the key `state` — only `dev` has a place by default
    "#);
    assert_snapshot!(one("  dev: {}\n  prod: { lake: lake/, state: prod.db }\n"), @r#"SG0143 segue.yaml:5 `lake/`: the environments `dev` and `prod` have the same lake — give each a lake of its own"#);
    assert_snapshot!(one("  test: { lake: t, state: x.db }\n  dev: { state: ./x.db }\n"), @r#"SG0143 segue.yaml:4 `x.db`: the environments `dev` and `test` have the same state — give each a state of its own"#);
    assert_snapshot!(one("  dev: {}\n  prod: { lake: prod/lake, state: prod/state.db }\n"), @"");
    assert_snapshot!(one("  prod: { lake: ./lake, state: .segue/state.db }\n"), @"");
    assert_snapshot!(one("  dev: { lake: \"${env:L}\" }\n  prod: { lake: \"${env:L}\", state: p.db }\n"), @"");
}

#[test]
fn a_lake_is_a_folder() {
    assert_snapshot!(with("segue.yaml", "format: 1\nproject: shop\nenvironments: { dev: { lake: \"s3://bucket/x\" }, prod: { lake: \"file:///x\", state: b } }\n"), @r#"SG0129 segue.yaml:3 `s3`: a lake in an object store (`s3://…`) is not acted on by this version — name a folder: `./lake`"#);
}

#[test]
fn a_table_belongs_to_one_asset() {
    let into = |name: &str, table: &str| {
        format!(
            "asset: out.{name}\ncopy: {{ from: lake, table: raw.stores }}\ninto: {{ connection: out, table: {table} }}\n"
        )
    };
    assert_snapshot!(with("assets/x.yaml", &into("x", "TOTALS")), @r#"SG0144 assets/x.yaml:3 `TOTALS`: `out.totals` writes the table `TOTALS` of `out` already — name another table: each belongs to one asset"#);
    assert_snapshot!(with("assets/x.yaml", &into("x", "_segue_heads")), @r#"SG0115 assets/x.yaml:3 `_segue_heads`: `_segue_heads` is kept: no table's name begins with `_segue` — choose another name"#);
    assert_snapshot!(with("assets/x.yaml", &into("x", "others")), @"");
}

#[test]
fn files_stand_beside_the_project() {
    let path = |path: &str| {
        with(
            "assets/x.yaml",
            &format!("asset: raw.x\ncopy: {{ from: files, path: \"{path}\" }}\n"),
        )
    };
    assert_snapshot!([path("/etc/passwd"), path("data/../../x.csv"), path("data/[.csv"), path("data/**/*.csv")].join("\n"), @r#"
    SG0146 assets/x.yaml:2 `"/etc/passwd"`: `/etc/passwd` leads out of the project's folder — files that are read stand beside the project
    SG0146 assets/x.yaml:2 `"data/../../x.csv"`: `data/../../x.csv` leads out of the project's folder — files that are read stand beside the project
    SG0146 assets/x.yaml:2 `"data/[.csv"`: `data/[.csv` is no pattern: invalid range pattern — write `data/*.csv`; `[[]` is a bracket itself
    "#);
}

#[test]
fn a_file_that_cannot_be_looked_into_is_one_mistake() {
    let mut files: Files = shop().into_iter().collect();
    files.insert_unread("assets/raw/large.yaml", Unread::TooLarge(LARGEST_FILE + 1));
    files.insert_unread("assets/raw/gone.sql", Unread::Refused("no such file".into()));
    files.insert_unread("data/large.yaml", Unread::TooLarge(LARGEST_FILE + 1));
    files.insert(
        "assets/x.sql",
        "/* asset: a.x */\nselect id, l.y, g.z from raw.large l, raw.gone g\n",
    );
    let (project, found) = crate::check(&files, &connectors());
    assert_snapshot!(lines(&found, &files), @r#"
    SG0145 assets/raw/gone.sql:1 ``: assets/raw/gone.sql cannot be read: no such file — mend or remove it; a link may lead nowhere
    SG0103 assets/raw/large.yaml:1 ``: assets/raw/large.yaml has 4194305 bytes, and 4194304 are the most — what is that large is data: put it beside the project, and read it with `copy:`
    "#);
    assert!(project.unwrap().assets.len() >= 4);
}

#[test]
fn tests_are_none_of_a_runs_business() {
    let mut files = shop();
    files.push(("tests/x.slt", "query I\nselect 1\n"));
    files.push(("other/x.slt", "query I\nselect 1\n"));
    files.push(("tests/x.yaml", "asset: no.thing\n"));
    let (_, found, files) = run(&files);
    assert_eq!(lines(&found, &files), "");
}

#[test]
fn lines_of_a_header_stand_below_each_other() {
    let header = |text: &str| with("assets/x.sql", &format!("{text} */\nselect id from raw.stores"));
    assert_snapshot!(header("/* asset: a.x\n description: y"), @r#"SG0101 assets/x.sql:2 `description`: this line of the header stands further left than its first key — begin it with 3 spaces: the keys of a header stand below each other"#);
    assert_snapshot!(header("/* asset: a.x\n\tdescription: y"), @r#"SG0102 assets/x.sql:2 `	`: a tab stands where YAML wants spaces — write spaces; most editors can turn tabs into spaces"#);
    assert_snapshot!(header("/*\nasset: a.x\ndescription: |\n  a\n\tb\n"), @r#"SG0102 assets/x.sql:5 `	`: a tab stands where YAML wants spaces — write spaces; most editors can turn tabs into spaces"#);
    assert_snapshot!(header("/* asset: a.x\n   tags: [a"), @r#"SG0101 assets/x.sql:2 ``: this is not YAML: while parsing a flow sequence, expected ',' or ']' — YAML could not be read any further; what follows in this file has not been looked at"#);
}

#[test]
fn brackets_without_end() {
    let deep = "[".repeat(5000);
    assert_snapshot!(with("assets/x.yaml", &format!("asset: raw.x\ntags: {deep}\n")), @r#"SG0103 assets/x.yaml:2 ``: lists and mappings stand in each other more than 64 deep — no file of a project needs that"#);
}

#[test]
fn a_secret_beside_another_mistake_is_not_drawn() {
    let written = [
        "connection: api\nkind: rest\nbase_url: https://api.example.com\nauth: { bearer: { token: hunter2 }, nonsense: 1 }\n",
        "connection: api\nkind: rest\nauth: { bearer: { token: hunter2 ]\n",
        "connection: api\nkind: rest\nbase_url: https://me:hunter2@api.example.com\nauth: { bearer: { tokn: 'hunter2' } }\n",
    ];
    for text in written {
        let mut files: Files = shop().into_iter().collect();
        files.insert("connections/api.yaml", text);
        let (_, found) = crate::check(&files, &connectors());
        files.hide_secrets(&found);
        let drawn: String = found.iter().map(|d| segue_diag::render(d, &files, false)).collect();
        assert!(!found.is_empty() && !drawn.contains("hunter2"), "{drawn}");
    }
}

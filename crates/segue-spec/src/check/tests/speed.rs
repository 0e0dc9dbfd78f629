//! A thousand assets.

use super::{connectors, lines};
use crate::{Files, check};
use segue_diag::Diagnostic;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// A project of `n` assets: four in five YAML, one in five SQL over some of them.
fn project(n: usize) -> Files {
    let mut files = Files::new();
    files.insert("segue.yaml", "format: 1\nproject: large\n");
    files.insert(
        "connections/api.yaml",
        "connection: api\nkind: rest\nbase_url: https://api.example.com\n",
    );
    for i in 0..n * 4 / 5 {
        let mut text = format!(
            "asset: raw.t{i}\ndescription: Table {i}.\nowner: data\ntags: [raw, t{i}]\nfresh: 1d\ncopy:\n  from: api\n"
        );
        if i > 0 {
            write!(
                text,
                "  for_each: {{ sql: \"select id from raw.t{} where c1 is not null\" }}\n  slice: [parent]\n",
                i / 2
            )
            .unwrap();
        }
        let parent = if i > 0 {
            "{ value: \"{{ each.id }}\", type: string }"
        } else {
            "{ type: string }"
        };
        let get = if i > 0 { "/t/{{ each.id }}" } else { "/t" };
        write!(text, "  request: {{ get: \"{get}\", query: {{ limit: 100 }} }}\n  records: $.items[*]\n  keep_raw: 30d\n  columns:\n    parent: {parent}\n    id: {{ type: string, required: true }}\n").unwrap();
        for c in 0..12 {
            writeln!(text, "    c{c}: {{ path: $.a.c{c}, type: \"decimal(10,2)\" }}").unwrap();
        }
        text.push_str("  errors: [ { status: 403, then: closed } ]\nwrite: { mode: replace, key: [parent, id] }\nchecks:\n  - { between: { column: c1, min: 0, max: 100 }, on_failure: quarantine }\n  - { row: \"c2 > 0 and c3 < 10\" }\n");
        files.insert(format!("assets/raw/t{i}.yaml"), text);
    }
    for i in 0..n / 5 {
        let (a, b) = (i * 3 % (n * 4 / 5), i * 7 % (n * 4 / 5));
        let text = format!(
            "/* asset: mart.m{i}\n   owner: data\n   write: {{ mode: replace, key: [id] }}\n   checks: [ {{ unique: [id] }} ] */\nwith x as (\n  select id, c1 + c2 as c, row_number() over (partition by parent order by id) as place from raw.t{a}\n),\ny as (select id, max(c3) as c3, sum(c4) filter (where c5 > 0) as c4 from raw.t{b} group by id)\nselect x.id, x.c, coalesce(y.c3, 0) as c3, case when y.c4 > 1 then 'a' else 'b' end as kind\nfrom x left join y on y.id = x.id\nwhere x.place <= 10 and exists (select 1 from raw.t{b} z where z.id = x.id)\n"
        );
        files.insert(format!("assets/mart/m{i}.sql"), text);
    }
    files
}

/// The fastest of three, so that the machine's other work is left out.
fn fastest(files: &Files) -> (Duration, Vec<Diagnostic>) {
    let schemas = connectors();
    let once = || {
        let start = Instant::now();
        let (_, found) = check(files, &schemas);
        (start.elapsed(), found)
    };
    (0..3).map(|_| once()).min_by_key(|(time, _)| *time).unwrap()
}

#[test]
fn time_grows_with_the_number_of_assets_and_no_faster() {
    let (few, many) = (project(250), project(1000));
    let (quarter, found) = fastest(&few);
    assert_eq!(lines(&found, &few), "");
    let (whole, found) = fastest(&many);
    assert_eq!(lines(&found, &many), "");
    println!("250 assets: {quarter:?}, 1,000 assets: {whole:?}");
    // Four times the assets; were any step quadratic, it would be sixteen times the time.
    assert!(whole < quarter * 10, "250 assets: {quarter:?}, 1,000 assets: {whole:?}");
}

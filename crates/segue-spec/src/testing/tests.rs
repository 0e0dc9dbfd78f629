use super::*;
use crate::check::tests::{connectors, lines, shop};
use insta::assert_snapshot;

/// What is wrong with one test file beside the shop, a line each.
fn wrong(text: &str) -> String {
    let mut files = shop();
    files.push(("assets/sales/busy.sql", "/* asset: sales.busy\n   params: { least: { type: int64 } } */\nselect store, count(*) as n from sales.big group by store having count(*) >= $least\n"));
    files.push((
        "assets/sales/big.sql",
        "/* asset: sales.big\n   write: { mode: view } */\nselect id, store from raw.orders where amount > 10\n",
    ));
    files.push(("tests/x.yaml", text));
    let files: Files = files.iter().map(|(p, t)| (*p, t.as_bytes())).collect();
    let (project, mistakes) = crate::check(&files, &connectors());
    assert_eq!(lines(&mistakes, &files), "");
    let (tests, found) = tests(&files, &project.unwrap());
    if found.is_empty() {
        return tests
            .iter()
            .map(|t| format!("{} of {}", t.name, t.asset))
            .collect::<Vec<_>>()
            .join("\n");
    }
    lines(&found, &files)
}

#[test]
fn a_file_holds_one_test_or_several() {
    let one = "test: nothing comes of nothing\nasset: sales.busy\ngiven: { raw.orders: [] }\nparams: { least: 1 }\nexpect: { rows: [] }\n";
    assert_eq!(wrong(one), "nothing comes of nothing of sales.busy");
    let two = concat!(
        "- test: a\n  asset: sales.busy\n  given: { sales.big: [ { id: x, store: y } ] }\n  params: { least: 1 }\n  expect: { rows: [ { store: y, n: 1 } ], ordered: true }\n",
        "- test: b\n  asset: sales.busy\n  given: { raw.orders: { file: given/orders.csv } }\n  params: { least: 1 }\n  expect: { error: SG0254 }\n",
    );
    assert_eq!(wrong(two), "a of sales.busy\nb of sales.busy");
}

#[test]
fn what_is_written_wrong_is_told_with_its_place() {
    let found = wrong("test: a\nasset: sales.bussy\nexpect: { rows: [] }\n");
    assert!(
        found.contains(
            "SG0128 tests/x.yaml:2 `sales.bussy`: there is no asset `sales.bussy` — did you mean `sales.busy`?"
        ),
        "{found}"
    );
    let found = wrong("test: a\nasset: raw.orders\nexpect: { rows: [] }\n");
    assert!(
        found.contains("SG0147 tests/x.yaml:2 `raw.orders`: `raw.orders` is read from a source, and a test runs SQL"),
        "{found}"
    );
    let found =
        wrong("test: a\nasset: sales.busy\ngiven: { raw.order: [] }\nparams: { leest: 1 }\nexpect: { rows: [] }\n");
    for part in [
        "SG0147 tests/x.yaml:3 `raw.order`: `sales.busy` does not read `raw.order` — did you mean `raw.orders`?",
        "SG0148 tests/x.yaml:3 `given`: `sales.busy` reads `raw.orders`, of which no rows are given — write `raw.orders: []` below `given:`",
        "SG0147 tests/x.yaml:4 `leest`: `sales.busy` takes no parameter `leest` — did you mean `least`?",
        "SG0108 tests/x.yaml:1 `a`: `sales.busy` takes the parameter `least`, which has no default",
    ] {
        assert!(found.contains(part), "{part}\nis not in\n{found}");
    }
    let found = wrong("test: a\nasset: sales.daily\ngiven: { raw.orders: [] }\nnow: yesterday\nexpect: { rows: [] }\n");
    assert!(
        found.contains("`sales.daily` is computed by ranges — write `range:"),
        "{found}"
    );
    assert!(found.contains("SG0113 tests/x.yaml:4 `yesterday`"), "{found}");
}

#[test]
fn keys_that_nobody_reads_are_mistakes() {
    assert_snapshot!(wrong("test: a\nasset: sales.busy\ngiven: { raw.orders: [] }\nparams: { least: 1 }\nexpects: { rows: [] }\n"), @"SG0107 tests/x.yaml:5 `expects`: there is no key `expects` here — did you mean `expect`?");
    let found = wrong(
        "test: a\nasset: sales.busy\ngiven: { raw.orders: { rows: [], file: x.csv } }\nparams: { least: 1 }\nexpect: { rows: [], error: x }\n",
    );
    assert!(found.contains("SG0120"), "{found}");
    let found = wrong(
        "test: a\nasset: sales.busy\ngiven: { raw.orders: { file: ../../x.csv } }\nparams: { least: 1 }\nexpect: { rows: [] }\n",
    );
    assert!(found.contains("SG0146"), "{found}");
    let found =
        wrong("test: a\nasset: sales.busy\ngiven: { raw.orders: [ 1 ] }\nparams: { least: 1 }\nexpect: { rows: [] }\n");
    assert!(found.contains("SG0109"), "{found}");
}

#[test]
fn two_tests_of_one_name_are_a_mistake() {
    let one =
        "- { test: a, asset: sales.busy, given: { raw.orders: [] }, params: { least: 1 }, expect: { rows: [] } }\n";
    let found = wrong(&format!("{one}{one}"));
    assert!(
        found.starts_with("SG0147 tests/x.yaml:2 `a`: two tests are called `a`"),
        "{found}"
    );
}

use super::Selector;
use crate::check::tests::{run, shop};
use crate::graph::Graph;
use insta::assert_snapshot;

fn report(words: &str) -> String {
    let mut files = shop();
    files.push((
        "assets/x.yaml",
        "asset: raw.x\ntags: [nightly]\ncopy: { from: lake, table: raw.stores }\n",
    ));
    let project = run(&files).0.unwrap();
    let chosen = Selector::parse([words]).and_then(|s| {
        assert_eq!(Selector::parse([s.to_string()])?, s);
        s.select(&project, &Graph::of(&project))
    });
    match chosen {
        Ok(names) => names.iter().map(|n| n.to_string()).collect::<Vec<_>>().join(" "),
        Err(error) => error.to_text(),
    }
}

#[test]
fn selectors() {
    let all = [
        "",
        "raw.orders",
        "raw.*",
        "*.daily",
        "+out.totals",
        "raw.stores+",
        "+sales.daily+",
        "tag:nightly, raw.stores",
        "+tag:nightly",
        "raw.orders raw.stores",
    ];
    assert_snapshot!(all.map(report).join("\n"), @r#"
    out.totals raw.orders raw.stores raw.x sales.daily
    raw.orders
    raw.orders raw.stores raw.x
    sales.daily
    out.totals raw.orders sales.daily
    raw.stores raw.x
    out.totals raw.orders sales.daily
    raw.stores raw.x
    raw.stores raw.x
    raw.orders raw.stores
    "#);
}

#[test]
fn a_term_that_means_nothing_is_said() {
    let all = [
        "raw.order",
        "orders",
        "tag:nightl",
        "x.*",
        "+",
        "tag:",
        "raw.[",
        "nowhere",
        "down+raw.orders",
        "up+raw.*",
        "a+b",
    ];
    assert_snapshot!(all.map(report).join("\n"), @r#"
    error[SG0128]: there is no asset `raw.order`
      hint: did you mean `raw.orders`?
      more: segue explain SG0128
    error[SG0128]: there is no asset `orders`
      hint: did you mean `raw.orders`?
      more: segue explain SG0128
    error[SG0128]: no asset has the tag `nightl`
      hint: did you mean `tag:nightly`?
      more: segue explain SG0128
    error[SG0128]: no asset's name is like `x.*`
      more: segue explain SG0128
    error: `+` is no selector: it names nothing
      hint: write a name, `raw.*`, `tag:WORD`, `+name` or `name+`
    error: `tag:` is no selector: the tag is empty
      hint: write a name, `raw.*`, `tag:WORD`, `+name` or `name+`
    error: `raw.[` is no selector: invalid range pattern
      hint: write a name, `raw.*`, `tag:WORD`, `+name` or `name+`
    error[SG0128]: there is no asset `nowhere`
      more: segue explain SG0128
    error: `down+raw.orders` is no selector
      hint: `raw.orders+` means raw.orders with everything that is made from it
    error: `up+raw.*` is no selector
      hint: `+raw.*` means raw.* with everything that it is made from
    error: `a+b` is no selector
      hint: a `+` stands before a name or after it
    "#);
}

#[test]
fn names_that_left_the_project_are_known_by_their_likeness() {
    let like = |words: &str, name: &str| Selector::parse([words]).unwrap().is_like(name);
    assert!(like("raw.gone", "raw.gone") && like("+raw.g*", "raw.gone") && like("raw.a raw.gone", "raw.gone"));
    assert!(!like("tag:gone", "raw.gone") && !like("raw.go", "raw.gone"));
}

use crate::check::tests::{lines, run, shop, with};
use crate::graph::Graph;
use insta::assert_snapshot;

#[test]
fn edges_order_and_reach() {
    let mut files = shop();
    files.push(("assets/list.yaml", concat!(
        "asset: raw.list\ncopy:\n  from: api\n  for_each: { sql: \"select id from raw.stores\" }\n  request: { get: \"/{{ each.id }}\" }\n  records: $\n",
        "  columns: { id: { value: \"{{ each.id }}\" } }\n  slice: [id]\nchecks:\n  - references: { column: id, table: raw.orders, to: id }\n")));
    let (project, found, files) = run(&files);
    assert_eq!(lines(&found, &files), "");
    let graph = Graph::of(&project.unwrap());
    let show = |names: Vec<String>| names.join(" ");
    let of = |text: &str| text.parse().unwrap();
    assert_snapshot!(show(graph.order().iter().map(|n| n.to_string()).collect()), @r#"raw.orders raw.stores raw.list sales.daily out.totals"#);
    assert_snapshot!(show(graph.inputs(&of("raw.list")).map(|n| n.to_string()).collect()), @r#"raw.stores"#);
    assert_snapshot!(show(graph.ancestors(&of("out.totals")).iter().map(|n| n.to_string()).collect()), @r#"raw.orders sales.daily"#);
    assert_snapshot!(show(graph.descendants(&of("raw.orders")).iter().map(|n| n.to_string()).collect()), @r#"out.totals sales.daily"#);
    assert_snapshot!(show(graph.dependants(&of("raw.stores")).map(|n| n.to_string()).collect()), @r#"raw.list"#);
}

#[test]
fn cycles_are_shown_as_a_path() {
    assert_snapshot!(with("assets/x.sql", "/* asset: a.x */ select 1 as one from a.x"), @r#"SG0127 assets/x.sql:1 `a.x`: `a.x` reads itself — break the circle: one of them must do without the other"#);
    let mut files = shop();
    files.push(("assets/a.sql", "/* asset: a.a */ select 1 as one from a.b"));
    files.push(("assets/b.sql", "/* asset: a.b */ select 1 as one from a.c, raw.stores"));
    files.push(("assets/c.sql", "/* asset: a.c */ select 1 as one from a.a"));
    files.push(("assets/d.sql", "/* asset: a.d */ select one from a.a"));
    let (_, found, files) = run(&files);
    assert_snapshot!(lines(&found, &files), @r#"SG0127 assets/a.sql:1 `a.b`: these assets wait for each other: a.a reads a.b reads a.c reads a.a — break the circle: one of them must do without the other"#);
}

use super::{Node, Value, parse, parse_part};
use insta::assert_snapshot;
use segue_diag::Diagnostic;
use std::fmt::Write;

fn draw(node: &Node, text: &str, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    match &node.value {
        Value::Scalar(s) => {
            let words = s
                .text
                .split_whitespace()
                .map(|w| w.as_ptr() as usize - s.text.as_ptr() as usize..w.len());
            let found = |at: std::ops::Range<usize>| text.get(node.part("", at.start..at.start + at.end).bytes);
            let exact = words
                .clone()
                .all(|w| found(w.clone()) == s.text.get(w.start..w.start + w.end));
            writeln!(
                out,
                "{pad}{} at {:?}{}",
                s.json,
                &text[node.bytes.clone()],
                if exact { "" } else { " (not exact)" }
            )
            .unwrap();
        }
        Value::List(items) => {
            writeln!(out, "{pad}list at {:?}", &text[node.bytes.clone()]).unwrap();
            items.iter().for_each(|i| draw(i, text, depth + 1, out));
        }
        Value::Mapping(entries) => {
            writeln!(out, "{pad}mapping at {:?}", &text[node.bytes.clone()]).unwrap();
            for e in entries {
                writeln!(out, "{pad}- {} at {:?}", e.key, &text[e.bytes.clone()]).unwrap();
                draw(&e.value, text, depth + 1, out);
            }
        }
    }
}

fn report(text: &str) -> String {
    let mut found = Vec::new();
    let parsed = parse("a.yaml", text, &mut found);
    show(text, parsed.root.as_ref(), &found)
}

fn show(text: &str, root: Option<&Node>, found: &[Diagnostic]) -> String {
    let mut out = String::new();
    if let Some(root) = root {
        draw(root, text, 0, &mut out);
    }
    for d in found {
        let at = d.span.as_ref().map(|s| s.bytes.clone()).unwrap_or_default();
        writeln!(
            out,
            "{}: {} at {:?} ({}..{})",
            d.code,
            d.message,
            &text[at.clone()],
            at.start,
            at.end
        )
        .unwrap();
    }
    out
}

#[test]
fn every_node_knows_its_bytes() {
    assert_snapshot!(report("a: x y\nb:\n  - 'it''s'\n  - \"q\"\nc: {d: [1, 2.5], e: null}\nf:\ng: é\nh: zé # c\n"), @r#"
    mapping at "a: x y\nb:\n  - 'it''s'\n  - \"q\"\nc: {d: [1, 2.5], e: null}\nf:\ng: é\nh: zé"
    - a at "a"
      "x y" at "x y"
    - b at "b"
      list at "- 'it''s'\n  - \"q\""
        "it's" at "'it''s'" (not exact)
        "q" at "\"q\""
    - c at "c"
      mapping at "{d: [1, 2.5], e: null}"
      - d at "d"
        list at "[1, 2.5]"
          1 at "1"
          2.5 at "2.5"
      - e at "e"
        null at "null"
    - f at "f"
      null at ""
    - g at "g"
      "é" at "é"
    - h at "h"
      "zé" at "zé"
    "#);
}

#[test]
fn texts_over_several_lines() {
    assert_snapshot!(report("a: |\n  select 1\n  from t\nb: >-\n  x\n  y\nc: \"x\\ty\"\nd: p\n  q\n"), @r#"
    mapping at "a: |\n  select 1\n  from t\nb: >-\n  x\n  y\nc: \"x\\ty\"\nd: p\n  q"
    - a at "a"
      "select 1\nfrom t\n" at "select 1\n  from t"
    - b at "b"
      "x y" at "x\n  y"
    - c at "c"
      "x\ty" at "\"x\\ty\"" (not exact)
    - d at "d"
      "p q" at "p\n  q"
    "#);
}

#[test]
fn typing_is_that_of_the_core_schema() {
    let text = "[yes, NO, true, ~, 12, -0, +7, 0x1F, 0o17, 1e3, .5, 1., 1.2.3, 2024-01-01, 10/s, 20%, 1_000, '12', 0x, -x, 18446744073709551615]";
    let mut found = Vec::new();
    let json = parse("a.yaml", text, &mut found).root.unwrap().to_json();
    assert_eq!(found, []);
    assert_snapshot!(json, @r#"["yes","NO",true,null,12,0,7,31,15,1000.0,0.5,1.0,"1.2.3","2024-01-01","10/s","20%","1_000","12","0x","-x",18446744073709551615]"#);
    assert_snapshot!(report("[.inf, 99999999999999999999, 1e999]"), @r#"
    list at "[.inf, 99999999999999999999, 1e999]"
      ".inf" at ".inf"
      "99999999999999999999" at "99999999999999999999"
      "1e999" at "1e999"
    SG0116: the number .inf: only finite numbers are known at ".inf" (1..5)
    SG0116: the number 99999999999999999999: no number of 64 bits holds it at "99999999999999999999" (7..27)
    SG0116: the number 1e999: no number of 64 bits holds it at "1e999" (29..34)
    "#);
}

#[test]
fn what_is_broken_has_a_place_and_the_rest_is_kept() {
    assert_snapshot!(report("asset: raw.a\ncopy: [1, 2\nwrite: x\n"), @r#"
    mapping at "asset: raw.a\ncopy: [1, 2\nwrite: x\n"
    - asset at "asset"
      "raw.a" at "raw.a"
    - copy at "copy"
      list at "[1, 2\nwrite: x\n"
        1 at "1"
    SG0101: this is not YAML: illegal placement of ':' indicator at ":" (30..31)
    "#);
    assert_snapshot!(report("a:\n\tb: 1\n"), @r#"
    mapping at "a"
    - a at "a"
      null at ""
    SG0102: a tab stands where YAML wants spaces at "\t" (3..4)
    "#);
    assert_snapshot!(report("a: 1\nb: 2\na: 3\n"), @r#"
    mapping at "a: 1\nb: 2"
    - a at "a"
      1 at "1"
    - b at "b"
      2 at "2"
    SG0106: the key `a` stands here twice at "a" (10..11)
    "#);
    assert_snapshot!(report("a: 1\n---\nb: 2\n"), @r#"
    mapping at "a: 1"
    - a at "a"
      1 at "1"
    SG0104: a.yaml holds more than one document at "---" (5..8)
    "#);
    assert_snapshot!(report("# nothing\n"), @r#"SG0104: a.yaml is empty at "" (0..0)"#);
    assert_snapshot!(report("? [a]\n: 1\n"), @r#"
    mapping at "? [a]\n: 1\n"
    SG0116: a key is not plain text at "[a]" (2..5)
    "#);
    assert_snapshot!(report("a: !!int 3\n"), @r#"
    mapping at "a: !!int 3"
    - a at "a"
      3 at "!!int 3" (not exact)
    SG0116: a YAML tag (`!…`) means nothing here at "!!int 3" (3..10)
    "#);
    assert_snapshot!(report("é: 'x\n"), @r#"
    mapping at "é"
    - é at "é"
      null at ""
    SG0101: this is not YAML: while scanning a quoted scalar, found unexpected end of stream at "'" (4..5)
    "#);
}

#[test]
fn a_mapping_with_many_keys_has_each_once() {
    let mut text: String = (0..100).map(|i| format!("k{i}: {i}\n")).collect();
    text.push_str("k3: 1\nk99: 2\nk100: 3\n");
    let mut found = Vec::new();
    let parsed = parse("a.yaml", &text, &mut found);
    assert_eq!(parsed.root.unwrap().entries().len(), 101);
    let messages: Vec<&str> = found.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(
        messages,
        ["the key `k3` stands here twice", "the key `k99` stands here twice"]
    );
}

#[test]
fn aliases_are_expanded_within_bounds() {
    assert_snapshot!(report("a: &x {k: 1}\nb: *x\n"), @r#"
    mapping at "a: &x {k: 1}\nb"
    - a at "a"
      mapping at "{k: 1}"
      - k at "k"
        1 at "1"
    - b at "b"
      mapping at "{k: 1}"
      - k at "k"
        1 at "1"
    "#);
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..9 {
        let items = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb.push_str(&format!("a{i}: &a{i} [{items}]\n"));
    }
    let mut found = Vec::new();
    parse("a.yaml", &bomb, &mut found);
    assert_snapshot!(show(&bomb, None, &found), @r#"SG0103: the aliases of this file stand for more than 10000 values, or too deep ones at "*a2" (201..204)"#);
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let mut found = Vec::new();
    parse("a.yaml", &deep, &mut found);
    assert_snapshot!(show(&deep, None, &found), @r#"SG0103: lists and mappings stand in each other more than 64 deep at "[" (64..65)"#);
    assert_snapshot!(report("a: &x [*x]\n"), @r#"
    mapping at "a: &x [*x]\n"
    - a at "a"
      list at "[*x]\n"
    SG0103: this alias stands inside what it stands for at "*x" (7..9)
    "#);
}

#[test]
fn a_part_of_another_file() {
    let text = "-- é\n/* asset: a.b\n   tags: [x] */\nselect 1";
    let start = text.find("/*").unwrap() + 2;
    let end = text.find("*/").unwrap();
    let mut found = Vec::new();
    let parsed = parse_part("a.sql", text, start..end, &mut found);
    assert_snapshot!(show(text, parsed.root.as_ref(), &found), @r#"
    mapping at "asset: a.b\n   tags: [x]"
    - asset at "asset"
      "a.b" at "a.b"
    - tags at "tags"
      list at "[x]"
        "x" at "x"
    "#);
}

//! Files of every form, read by the real binary.

use crate::support::Project;
use segue_testkit::packed::{gzip, zip};

const ORDERS: &str = "id,name\n1,Ada\n2,에스파\n3,\n";

/// A workbook whose only sheet has these rows.
fn workbook(rows: &str) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    let part = |name: &'static str, text: String| (name, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{text}"));
    let parts = [
        part(
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"rId1\" Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        part(
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets><sheet name=\"Orders\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
            ),
        ),
        part(
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"rId1\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        part(
            "xl/worksheets/sheet1.xml",
            format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>"),
        ),
    ];
    zip(&parts.each_ref().map(|(name, text)| (*name, text.as_bytes())), false)
}

fn asset(name: &str, copy: &str) -> String {
    format!(
        "asset: raw.{name}\ncopy:\n  from: files\n  columns: {{ id: {{ type: int64, required: true }}, name: {{ type: string }} }}\n{copy}write: {{ mode: replace }}\n"
    )
}

fn save(project: &Project, path: &str, bytes: &[u8]) {
    project.write(path, "");
    std::fs::write(project.file(path), bytes).expect("can write");
}

#[test]
fn every_form_makes_the_same_table() {
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\n"),
        ("data/o.csv", ORDERS),
        (
            "data/o.json",
            r#"{"orders": [{"id": 1, "name": "Ada"}, {"id": 2, "name": "에스파"}, {"id": 3}]}"#,
        ),
        (
            "data/o.jsonl",
            "{\"id\": 1, \"name\": \"Ada\"}\n{\"id\": 2, \"name\": \"에스파\"}\n{\"id\": 3, \"name\": null}\n",
        ),
        (
            "data/o.xml",
            "<orders><order><id>1</id><name>Ada</name></order><order><id>2</id><name>에스파</name></order><order><id>3</id><name/></order></orders>",
        ),
    ]);
    save(&project, "data/o.csv.gz", &gzip(ORDERS.as_bytes()));
    save(
        &project,
        "data/o.zip",
        &zip(&[("inside.csv", ORDERS.as_bytes())], false),
    );
    let utf16: Vec<u8> = format!("\u{feff}{ORDERS}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    save(&project, "data/wide.csv", &utf16);
    let cell = |place: &str, text: &str| format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let number = |place: &str, n: u32| format!("<c r=\"{place}\"><v>{n}</v></c>");
    let rows = [
        format!("<row r=\"1\">{}{}</row>", cell("A1", "id"), cell("B1", "name")),
        format!("<row r=\"2\">{}{}</row>", number("A2", 1), cell("B2", "Ada")),
        format!("<row r=\"3\">{}{}</row>", number("A3", 2), cell("B3", "에스파")),
        format!("<row r=\"4\">{}</row>", number("A4", 3)),
    ];
    save(&project, "data/o.xlsx", &workbook(&rows.concat()));
    let forms = [
        ("csv", "  path: data/o.csv\n"),
        ("json", "  path: data/o.json\n  records: $.orders[*]\n"),
        ("lines", "  path: data/o.jsonl\n"),
        ("xml", "  path: data/o.xml\n  records: $.orders.order[*]\n"),
        ("excel", "  path: data/o.xlsx\n"),
        ("packed", "  path: data/o.csv.gz\n"),
        ("zipped", "  path: data/o.zip\n"),
        ("wide", "  path: data/wide.csv\n"),
    ];
    for (name, copy) in forms {
        project.write(&format!("assets/raw/{name}.yaml"), &asset(name, copy));
    }
    project.ok(&["check"]);
    project.ok(&["run"]);
    let wanted = project.sql("select * from raw.csv order by id");
    assert_eq!(wanted.trim(), "id,name\n1,Ada\n2,에스파\n3,");
    for (name, _) in forms {
        assert_eq!(
            project.sql(&format!("select * from raw.{name} order by id")),
            wanted,
            "{name}"
        );
    }
    // What the program writes itself, it reads.
    project.ok(&["sql", "select * from raw.csv", "--out", "data/o.parquet"]);
    project.write("assets/raw/parquet.yaml", &asset("parquet", "  path: data/o.parquet\n"));
    project.ok(&["run", "raw.parquet"]);
    assert_eq!(project.sql("select * from raw.parquet order by id"), wanted);
}

#[test]
fn what_does_not_fit_is_set_aside_with_its_place() {
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\n"),
        (
            "data/o.json",
            r#"[{"id": 1, "name": "Ada"}, {"id": "two"}, {"name": "x"}]"#,
        ),
        ("data/o.jsonl", "{\"id\": 1}\n{\"id\": 2\n"),
        ("assets/raw/json.yaml", &asset("json", "  path: data/o.json\n")),
        ("assets/raw/lines.yaml", &asset("lines", "  path: data/o.jsonl\n")),
    ]);
    project.ok(&["run"]);
    let told = project.sql("select reason from quarantine.\"raw.json\" order by 1");
    assert!(told.contains("data/o.json record 2: expected int64"), "{told}");
    assert!(
        told.contains("data/o.json record 3: required, and it is missing"),
        "{told}"
    );
    let told = project.sql("select reason from quarantine.\"raw.lines\"");
    assert!(told.contains("data/o.jsonl line 2: not JSON"), "{told}");
    assert_eq!(project.sql("select count(*) as n from raw.json").trim(), "n\n1");
}

/// A project that reads only what changed.
fn changing(copy: &str, write: &str) -> Project {
    let asset = format!(
        "asset: raw.orders\ncopy: {{ from: files, path: \"in/*.csv\", only: changed{copy} }}\nwrite: {{ {write} }}\n"
    );
    Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\n"),
        ("in/a.csv", "id,n\n1,10\n2,20\n"),
        ("in/b.csv", "id,n\n3,30\n"),
        ("assets/raw/orders.yaml", &asset),
    ])
}

fn held(project: &Project) -> String {
    project
        .sql("select id, n from raw.orders order by id, n")
        .trim()
        .replace('\n', " ")
}

#[test]
fn only_what_changed_is_read_and_merged() {
    let project = changing("", "mode: merge, key: [id]");
    project.ok(&["run"]);
    assert_eq!(held(&project), "id,n 1,10 2,20 3,30");
    project.write("in/b.csv", "id,n\n3,31\n4,40\n");
    std::fs::remove_file(project.file("in/a.csv")).expect("it is there");
    let told = project.segue(&["run"]).ok().text();
    assert!(told.contains("1 file is gone that had been read: in/a.csv"), "{told}");
    assert_eq!(held(&project), "id,n 1,10 2,20 3,31 4,40");
    let told = project.segue(&["run"]).ok().text();
    assert!(!told.contains("gone"), "told once: {told}");
    std::fs::remove_file(project.file("in/b.csv")).expect("it is there");
    let told = project.segue(&["run"]).ok().text();
    assert!(told.contains("no file fits `in/*.csv` now"), "{told}");
    assert_eq!(held(&project), "id,n 1,10 2,20 3,31 4,40");
}

#[test]
fn what_is_added_is_added_once() {
    let project = changing("", "mode: append");
    for _ in 0..2 {
        project.ok(&["run"]);
        assert_eq!(held(&project), "id,n 1,10 2,20 3,30");
    }
    project.write("in/c.csv", "id,n\n5,50\n");
    project.ok(&["run"]);
    assert_eq!(held(&project), "id,n 1,10 2,20 3,30 5,50");
    project.write("in/a.csv", "id,n\n1,10\n2,20\n9,90\n");
    let done = project.segue(&["run"]);
    assert!(
        done.code != Some(0) && done.text().contains("SG0314"),
        "{}",
        done.text()
    );
    assert_eq!(held(&project), "id,n 1,10 2,20 3,30 5,50");
    project.ok(&["run", "raw.orders", "--rebuild"]);
    assert_eq!(held(&project), "id,n 1,10 2,20 3,30 5,50 9,90");
    project.ok(&["run"]);
    assert_eq!(
        held(&project),
        "id,n 1,10 2,20 3,30 5,50 9,90",
        "a rebuild remembers what it read"
    );
}

#[test]
fn the_rows_of_a_file_come_and_go_together() {
    let project = changing(", file_column: file", "mode: delete_insert, key: [file]");
    project.ok(&["run"]);
    assert_eq!(held(&project), "id,n 1,10 2,20 3,30");
    project.write("in/a.csv", "id,n\n2,21\n");
    project.ok(&["run"]);
    assert_eq!(held(&project), "id,n 2,21 3,30");
    let files = project.sql("select id, file from raw.orders order by id");
    assert_eq!(files.trim(), "id,file\n2,in/a.csv\n3,in/b.csv");
}

#[test]
fn what_does_not_go_together_is_said_before() {
    let project = changing("", "mode: replace");
    let done = project.segue(&["check"]);
    assert!(
        done.code != Some(0) && done.text().contains("`only` with `replace`"),
        "{}",
        done.text()
    );
    let project = changing(", position: { column: id }", "mode: append");
    let done = project.segue(&["check"]);
    assert!(
        done.code != Some(0) && done.text().contains("`position`"),
        "{}",
        done.text()
    );
}

//! Write modes by key, through the whole product: into the lake and into SQLite.

use crate::support::Project;

/// A file that is read into the lake, and from there into SQLite, both in this mode.
fn project(write: &str, rows: &str) -> Project {
    let columns = "columns: { id: { type: int64 }, line: { type: int64 }, city: { type: string } }";
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: modes\n"),
        ("connections/app.yaml", "connection: app\nkind: sqlite\npath: app.db\n"),
        (
            "assets/raw/stores.yaml",
            &format!(
                "asset: raw.stores\ncopy:\n  from: files\n  path: data/stores.csv\n  {columns}\nwrite: {{ {write} }}\n"
            ),
        ),
        (
            "assets/out/stores.yaml",
            &format!(
                "asset: out.stores\ncopy: {{ from: lake, sql: \"select id, line, city from raw.now\" }}\ninto: {{ connection: app, table: stores }}\nwrite: {{ {write} }}\n"
            ),
        ),
        // What the source has, whatever the mode keeps of what was.
        (
            "assets/raw/now.yaml",
            &format!("asset: raw.now\ncopy:\n  from: files\n  path: data/stores.csv\n  {columns}\n"),
        ),
    ]);
    comes(&project, rows);
    project
}

fn comes(project: &Project, rows: &str) {
    project.write("data/stores.csv", &format!("id,line,city\n{rows}"));
    project.ok(&["run"]);
}

/// What both tables have of these columns.
#[track_caller]
fn held(project: &Project, columns: &str) -> String {
    let lake = project.sql(&format!("select {columns} from raw.stores order by id, line, city"));
    let lake: Vec<String> = lake.trim().lines().skip(1).map(|line| line.replace(',', "|")).collect();
    let db = rusqlite::Connection::open(project.file("app.db")).unwrap();
    let each = columns
        .split(", ")
        .map(|c| format!("coalesce({c}, '')"))
        .collect::<Vec<_>>()
        .join(" || '|' || ");
    let mut select = db
        .prepare(&format!("select {each} from stores order by id, line, city"))
        .unwrap();
    let rows = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let sqlite: Vec<String> = rows.map(Result::unwrap).collect();
    assert_eq!(lake, sqlite, "the lake's rows, and SQLite's");
    lake.join(" ")
}

#[test]
fn an_order_comes_and_goes_with_its_lines() {
    let project = project("mode: delete_insert, key: [id]", "1,1,a\n1,2,b\n2,1,c\n");
    comes(&project, "1,1,a\n1,3,z\n3,1,d\n");
    assert_eq!(held(&project, "id, line, city"), "1|1|a 1|3|z 2|1|c 3|1|d");
}

#[test]
fn a_history_says_since_when_and_until_when() {
    let project = project("mode: history, key: [id]", "1,1,a\n2,1,b\n");
    comes(&project, "1,1,A\n2,1,b\n");
    assert_eq!(held(&project, "id, line, city"), "1|1|A 1|1|a 2|1|b");
    let touching =
        "select count(*) as n from raw.stores o join raw.stores n on o.id = n.id and o.valid_to = n.valid_from
                    where n.current and not o.current and o.valid_from < o.valid_to and n.valid_to is null";
    assert_eq!(project.sql(touching).trim(), "n\n1");
    // A reader of it is an ordinary reader.
    project.write(
        "assets/now.sql",
        "/* asset: web.now */\nselect id, city from raw.stores where current\n",
    );
    project.ok(&["run"]);
    assert_eq!(
        project.sql("select * from web.now order by id").trim(),
        "id,city\n1,A\n2,b"
    );
}

#[test]
fn rows_that_are_gone_are_marked_or_deleted() {
    let soft = project(
        "mode: merge, key: [id], delete_missing: soft, max_deleted: 50%",
        "1,1,a\n2,1,b\n3,1,c\n",
    );
    comes(&soft, "1,1,a\n3,1,c\n");
    assert_eq!(held(&soft, "id, line, city"), "1|1|a 2|1|b 3|1|c");
    assert_eq!(
        soft.sql("select id from raw.stores where deleted_at is not null")
            .trim(),
        "id\n2"
    );
    comes(&soft, "1,1,a\n2,1,b\n3,1,c\n");
    assert_eq!(
        soft.sql("select id from raw.stores where deleted_at is not null")
            .trim(),
        "id"
    );
    let hard = project(
        "mode: merge, key: [id], delete_missing: hard, max_deleted: 50%",
        "1,1,a\n2,1,b\n3,1,c\n",
    );
    comes(&hard, "1,1,a\n3,1,c\n");
    assert_eq!(held(&hard, "id, line, city"), "1|1|a 3|1|c");
    hard.write("data/stores.csv", "id,line,city\n");
    let told = hard.segue(&["run"]);
    assert!(
        told.code != Some(0) && told.text().contains("SG0533"),
        "{}",
        told.text()
    );
    assert_eq!(held(&hard, "id, line, city"), "1|1|a 3|1|c");
}

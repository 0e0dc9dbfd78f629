//! Objects and lists of a web API's records: as JSON, as structs, as child tables, in every write mode.

use crate::support::Project;
use segue_core::fault::Boundary;
use segue_testkit::http::{Reply, Server};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// An API whose albums are what a test says, and a project that reads it.
struct Shop {
    project: Project,
    albums: Arc<Mutex<Value>>,
    _server: Server,
    _runtime: tokio::runtime::Runtime,
}

impl Shop {
    fn new(nested: &str, write: &str, albums: Value) -> Shop {
        Shop::with(
            &format!(
                "  request: {{ get: /albums }}\n  records: $[*]\n  on_new_column: evolve\n  on_type_change: evolve\n{nested}"
            ),
            write,
            albums,
        )
    }

    fn with(copy: &str, write: &str, albums: Value) -> Shop {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let albums = Arc::new(Mutex::new(albums));
        let served = albums.clone();
        // `/albums/x` answers with the albums of x.
        let server = runtime.block_on(Server::start(move |asked, _| {
            let all = served.lock().unwrap().clone();
            Reply::json(match asked.path.strip_prefix("/albums/") {
                Some(of) => all.get(of).cloned().unwrap_or(json!([])),
                None => all,
            })
        }));
        let project = Project::with(&[
            ("segue.yaml", "format: 1\nproject: shop\n"),
            (
                "connections/api.yaml",
                &format!("connection: api\nkind: rest\nbase_url: {}\n", server.url()),
            ),
            (
                "assets/raw/albums.yaml",
                &format!("asset: raw.albums\ncopy:\n  from: api\n{copy}write: {{ {write} }}\n"),
            ),
        ]);
        Shop {
            project,
            albums,
            _server: server,
            _runtime: runtime,
        }
    }

    #[track_caller]
    fn comes(&self, albums: Value) {
        *self.albums.lock().unwrap() = albums;
        self.project.ok(&["run"]);
    }

    /// The rows of an answer, in one line.
    #[track_caller]
    fn rows(&self, sql: &str) -> String {
        self.project.sql(sql).lines().skip(1).collect::<Vec<_>>().join(" | ")
    }

    #[track_caller]
    fn tracks(&self) -> String {
        self.rows("select _parent_id, _position, title from raw.albums__tracks order by 1, 2")
    }
}

const CHILDREN: &str = "  nested: child_tables\n";

fn two() -> Value {
    json!([
        { "id": 1, "name": "one", "label": { "name": "L", "seat": { "city": "Seoul" } }, "tags": ["a", "b"],
          "tracks": [{ "title": "x", "by": [{ "who": "ann" }, { "who": "bob" }] }, { "title": "y", "by": [] }] },
        { "id": 2, "name": "two", "label": null, "tags": [], "tracks": [{ "title": "z", "by": null }] }
    ])
}

#[test]
fn objects_and_lists_are_json_or_structs_or_tables() {
    let json = Shop::new("", "mode: merge, key: [id]", two());
    json.project.ok(&["run"]);
    assert_eq!(
        json.rows("select label from raw.albums where id = 1"),
        "\"{\"\"name\"\": \"\"L\"\", \"\"seat\"\": {\"\"city\"\": \"\"Seoul\"\"}}\""
            .replace("\"\": ", "\"\":")
            .replace(", ", ",")
    );
    let structs = Shop::new("  nested: struct\n", "mode: merge, key: [id]", two());
    structs.project.ok(&["run"]);
    assert_eq!(
        structs.rows("select label['seat']['city'], tracks[1]['by'][2]['who'], tags[2] from raw.albums order by id"),
        "Seoul,bob,b | ,,"
    );
    // A new field is a wider struct, in the rows that were there too.
    structs.comes(json!([{ "id": 3, "label": { "seat": { "zip": 7 } }, "tracks": [{ "long": true }] }]));
    assert_eq!(
        structs.rows("select label['seat']['city'], label['seat']['zip'], tracks[1]['title'], tracks[1]['long'] from raw.albums order by id"),
        "Seoul,,x, | ,,z, | ,7,,true"
    );
    let tables = Shop::new(CHILDREN, "mode: merge, key: [id]", two());
    tables.project.ok(&["run"]);
    insta::assert_snapshot!(tables.project.sql("select * from raw.albums order by id"), @r#"
    id,name,label__name,label__seat__city,tags
    1,one,L,Seoul,"[""a"",""b""]"
    2,two,,,[]
    "#);
    insta::assert_snapshot!(tables.project.sql("select * from raw.albums__tracks order by 1, 2"), @r"
    _parent_id,_position,title
    1,0,x
    1,1,y
    2,0,z
    ");
    insta::assert_snapshot!(tables.project.sql("select * from raw.albums__tracks__by order by 1, 2, 3"), @r"
    _parent_id,_position_1,_position,who
    1,0,0,ann
    1,0,1,bob
    ");
    let listed = tables.project.sql("show tables");
    assert!(
        listed.contains("raw.albums__tracks,lake") && listed.contains("raw.albums__tracks__by,lake"),
        "{listed}"
    );
}

#[test]
fn children_come_and_go_with_the_rows_that_are_merged() {
    let shop = Shop::new(CHILDREN, "mode: merge, key: [id]", two());
    shop.project.ok(&["run"]);
    assert_eq!(shop.tracks(), "1,0,x | 1,1,y | 2,0,z");
    let commits = "select count(*) from system.commits where state = 'committed'";
    let before = shop.rows(commits);
    // The same again is no commit.
    shop.project.ok(&["run"]);
    assert_eq!(shop.rows(commits), before);
    // One loses a child, another all of them; of one that does not come nothing goes.
    shop.comes(
        json!([{ "id": 1, "name": "one", "tracks": [{ "title": "y" }] }, { "id": 3, "tracks": [{ "title": "w" }] }]),
    );
    assert_eq!(shop.tracks(), "1,0,y | 2,0,z | 3,0,w");
    shop.comes(json!([{ "id": 2, "name": "two", "tracks": [] }, { "id": 3, "tracks": null }]));
    assert_eq!(shop.tracks(), "1,0,y");
    assert_eq!(shop.rows("select count(*) from raw.albums__tracks__by"), "0");
    // Only a child is otherwise: the asset's own rows are not.
    shop.comes(json!([{ "id": 1, "name": "one", "tracks": [{ "title": "Y" }] }]));
    assert_eq!(shop.tracks(), "1,0,Y");
    let history = shop
        .project
        .ok(&["--json", "lake", "history", "raw.albums", "--limit", "1"]);
    assert!(history.contains("\"data_changed\":false"), "{history}");
}

#[test]
fn whoever_reads_a_child_table_follows_it() {
    let shop = Shop::new(CHILDREN, "mode: merge, key: [id]", two());
    shop.project.write(
        "assets/music/titles.sql",
        "/* asset: music.titles */\nselect title, _parent_id as album from raw.albums__tracks\n",
    );
    shop.project.ok(&["check"]);
    // It waits for the asset whose table it is.
    shop.project.ok(&["run"]);
    assert_eq!(shop.rows("select title from music.titles order by 1"), "x | y | z");
    shop.comes(json!([{ "id": 1, "name": "one", "label": { "name": "L", "seat": { "city": "Seoul" } }, "tags": ["a", "b"], "tracks": [{ "title": "new" }] }]));
    assert_eq!(shop.rows("select title from music.titles order by 1"), "new | z");
    shop.project.write(
        "assets/music/titles.sql",
        "/* asset: music.titles */\nselect * from raw.album__tracks\n",
    );
    let wrong = shop.project.segue(&["check"]).ended(2);
    assert!(wrong.text().contains("raw.album__tracks"), "{}", wrong.text());
    shop.project.write(
        "assets/music/titles.sql",
        "/* asset: raw.albums__mine */\nselect 1 as one\n",
    );
    let wrong = shop.project.segue(&["check"]).ended(2);
    assert!(
        wrong
            .text()
            .contains("may be the name of a child table of `raw.albums`"),
        "{}",
        wrong.text()
    );
}

#[test]
fn every_write_mode_keeps_its_children_right() {
    let replace = Shop::new(CHILDREN, "mode: replace, key: [id]", two());
    replace.project.ok(&["run"]);
    replace.comes(json!([{ "id": 2, "tracks": [{ "title": "Z" }] }]));
    assert_eq!(replace.tracks(), "2,0,Z");

    let append = Shop::new(
        CHILDREN,
        "mode: append",
        json!([{ "id": 1, "tracks": [{ "title": "x" }] }]),
    );
    append.project.ok(&["run"]);
    append.comes(json!([{ "id": 1, "tracks": [{ "title": "y" }, { "title": "z" }] }]));
    let joined = "select a.id, t._position, t.title from raw.albums a join raw.albums__tracks t on t._parent__row_id = a._row_id order by 1, 3";
    assert_eq!(append.rows(joined), "1,0,x | 1,0,y | 1,1,z");

    let keyed = Shop::new(
        CHILDREN,
        "mode: delete_insert, key: [id]",
        json!([
            { "id": 1, "line": 1, "tracks": [{ "title": "x" }] }, { "id": 1, "line": 2, "tracks": [] }, { "id": 2, "line": 1, "tracks": [{ "title": "z" }] }
        ]),
    );
    keyed.project.ok(&["run"]);
    keyed.comes(json!([{ "id": 1, "line": 1, "tracks": [] }, { "id": 1, "line": 3, "tracks": [{ "title": "y" }] }]));
    let joined = "select a.id, a.line, t.title from raw.albums a join raw.albums__tracks t on t._parent__row_id = a._row_id order by 1, 2";
    assert_eq!(keyed.rows(joined), "1,3,y | 2,1,z");

    let history = Shop::new(
        CHILDREN,
        "mode: history, key: [id]",
        json!([{ "id": 1, "tracks": [{ "title": "x" }] }]),
    );
    history.project.ok(&["run"]);
    history.comes(json!([{ "id": 1, "tracks": [{ "title": "y" }] }]));
    let joined = "select a.current, t.title from raw.albums a join raw.albums__tracks t on t._parent__row_id = a._row_id order by 1";
    assert_eq!(history.rows(joined), "false,x | true,y");

    let gone = Shop::new(
        CHILDREN,
        "mode: merge, key: [id], delete_missing: hard, max_deleted: 90%",
        two(),
    );
    gone.project.ok(&["run"]);
    gone.comes(json!([{ "id": 2, "name": "two", "tags": [], "tracks": [{ "title": "z" }] }]));
    assert_eq!(gone.tracks(), "2,0,z");
}

#[test]
fn slices_take_their_children_along() {
    let copy = "  for_each: { list: [a, b] }\n  slice: [of]\n  request: { get: \"/albums/{{ each.value }}\" }\n  records: $[*]\n  nested: child_tables\n";
    let copy = format!(
        "{copy}  columns:\n    of: {{ value: \"{{{{ each.value }}}}\" }}\n    id: {{ type: int64 }}\n    tracks: {{ type: \"list<struct<title: string>>\" }}\n"
    );
    let of = |a: &str, b: &str| json!({ "a": [{ "id": 1, "tracks": [{ "title": a }] }], "b": [{ "id": 1, "tracks": [{ "title": b }] }] });
    let shop = Shop::with(&copy, "mode: replace, key: [of, id], on_gone: delete", of("x", "y"));
    shop.project.ok(&["run"]);
    let tracks = "select _parent_of, _parent_id, title from raw.albums__tracks order by 1";
    assert_eq!(shop.rows(tracks), "a,1,x | b,1,y");
    shop.comes(of("x", "Y"));
    assert_eq!(shop.rows(tracks), "a,1,x | b,1,Y");
    shop.project.edit("assets/raw/albums.yaml", "[a, b]", "[b]");
    shop.project.ok(&["run"]);
    assert_eq!(shop.rows(tracks), "b,1,Y");
}

#[test]
fn what_comes_anew_in_objects_evolves() {
    let shop = Shop::new(CHILDREN, "mode: merge, key: [id]", two());
    shop.project.ok(&["run"]);
    shop.comes(json!([
        { "id": 3, "label": { "seat": { "Zip-Code": 7 } }, "tracks": [{ "title": "n", "long": 1.5, "odd key": { "k": true } }], "shops": [{ "city": "Busan" }] }
    ]));
    assert_eq!(
        shop.rows("select label__seat__zip_code from raw.albums order by id"),
        "\"\" | \"\" | 7"
    );
    assert_eq!(
        shop.rows("select title, long, odd_key__k from raw.albums__tracks where _parent_id = 3"),
        "n,1.5,true"
    );
    assert_eq!(shop.rows("select * from raw.albums__shops"), "3,0,Busan");
    // What does not fit its type is set aside, whole.
    shop.comes(json!([{ "id": 4, "tracks": [{ "title": { "no": "text" } }] }]));
    assert_eq!(shop.rows("select count(*) from raw.albums where id = 4"), "0");
    assert_eq!(
        shop.rows("select path from quarantine.\"raw.albums\""),
        "$.tracks[0].title"
    );
}

#[test]
fn a_row_that_is_set_aside_leaves_no_child() {
    let shop = Shop::new(CHILDREN, "mode: merge, key: [id]", two());
    shop.project.edit(
        "assets/raw/albums.yaml",
        "write:",
        "checks: [ { not_null: name, on_failure: quarantine } ]\nwrite:",
    );
    shop.comes(json!([{ "id": 1, "name": "one", "tracks": [{ "title": "x" }] }, { "id": 2, "name": null, "tracks": [{ "title": "z" }] }]));
    assert_eq!(shop.tracks(), "1,0,x");
}

#[test]
fn child_tables_are_kept_restored_rebuilt_and_dropped() {
    let shop = Shop::new(CHILDREN, "mode: merge, key: [id]", two());
    shop.project.ok(&["run"]);
    shop.comes(json!([{ "id": 1, "name": "ONE", "tracks": [] }, { "id": 3, "tracks": [{ "title": "w" }] }]));
    assert_eq!(shop.tracks(), "2,0,z | 3,0,w");
    let told = shop.project.ok(&["lake", "restore", "raw.albums", "--version", "0"]);
    assert!(
        told.contains("raw.albums__tracks is what it was then: 2 rows come back, 1 go"),
        "{told}"
    );
    assert_eq!(shop.tracks(), "1,0,x | 1,1,y | 2,0,z");
    std::fs::remove_dir_all(shop.project.file(".segue")).expect("the state is there");
    shop.project.ok(&["state", "rebuild"]);
    assert_eq!(shop.tracks(), "1,0,x | 1,1,y | 2,0,z");
    shop.comes(json!([{ "id": 1, "name": "one", "tracks": [{ "title": "again" }] }]));
    assert_eq!(shop.tracks(), "1,0,again | 2,0,z");
    for _ in 0..2 {
        shop.project.ok(&["lake", "compact"]);
        shop.project.ok(&["lake", "vacuum", "--keep", "0s"]);
        assert_eq!(shop.tracks(), "1,0,again | 2,0,z");
    }
    // Other columns, and with them other child tables: what is gone is empty.
    *shop.albums.lock().unwrap() = json!([{ "id": 1, "songs": [{ "title": "s" }] }]);
    shop.project.ok(&["run", "--rebuild"]);
    assert_eq!(shop.rows("select title from raw.albums__songs"), "s");
    shop.project
        .ok(&["asset", "drop", "raw.albums", "--table-only", "--yes"]);
    assert!(
        !shop
            .project
            .file("lake/children/raw.albums__songs/_delta_log/00000000000000000000.json")
            .exists()
    );
}

/// Killed wherever it makes something durable, parents and children are in step.
#[test]
fn a_kill_leaves_parents_and_children_in_step() {
    let mut met = 0;
    for boundary in Boundary::ALL {
        let shop = Shop::new(CHILDREN, "mode: merge, key: [id]", two());
        shop.project.ok(&["run"]);
        *shop.albums.lock().unwrap() = json!([{ "id": 1, "name": "ONE", "tracks": [{ "title": "X" }] }]);
        let mut command = shop.project.command(&["run"]);
        command.env("SEGUE_FAULT", format!("{}:1:kill", boundary.name()));
        if command.output().expect("the binary starts").status.code().is_none() {
            met += 1;
        }
        shop.project.ok(&["run"]);
        let name = boundary.name();
        assert_eq!(
            shop.rows("select name from raw.albums order by id"),
            "ONE | two",
            "after {name}"
        );
        assert_eq!(shop.tracks(), "1,0,X | 2,0,z", "after {name}");
        assert_eq!(
            shop.rows("select count(*) from raw.albums__tracks__by"),
            "0",
            "after {name}"
        );
    }
    assert!(met >= 10, "it was killed at {met} boundaries");
}

#[test]
fn child_tables_of_a_database_are_refused() {
    let shop = Shop::new(CHILDREN, "mode: merge, key: [id]", two());
    shop.project
        .write("connections/db.yaml", "connection: db\nkind: sqlite\npath: db.db\n");
    shop.project.edit(
        "assets/raw/albums.yaml",
        "write:",
        "into: { connection: db, table: albums }\nwrite:",
    );
    let wrong = shop.project.segue(&["check"]).ended(2);
    assert!(
        wrong.text().contains("child tables lie in the lake"),
        "{}",
        wrong.text()
    );
}

//! `write: { mode: view }`: nothing is stored, and whoever reads it reads what it is made from.

use crate::support::Project;
use serde_json::Value;

/// Orders from a file, a view of the large ones, a view of that, and a table that reads the second.
fn shop() -> Project {
    Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\n"),
        ("connections/app.yaml", "connection: app\nkind: sqlite\npath: app.db\n"),
        (
            "data/orders.csv",
            "id,store,amount\n1,Seoul,12.50\n2,Busan,8.00\n3,Seoul,20.00\n",
        ),
        (
            "assets/raw/orders.yaml",
            "asset: raw.orders\ncopy:\n  from: files\n  path: data/orders.csv\n  columns: { id: { type: int64 }, store: { type: string }, amount: { type: \"decimal(10,2)\" } }\n",
        ),
        (
            "assets/sales/large.sql",
            "/* asset: sales.large\n   write: { mode: view } */\nselect id, store, amount from raw.orders where amount >= 10\n",
        ),
        (
            "assets/sales/stores.sql",
            "/* asset: sales.stores\n   write: { mode: view }\n   checks: [ { row: \"orders > 0\" } ] */\nselect store, count(*) as orders, sum(amount) as total from sales.large group by store\n",
        ),
        (
            "assets/sales/best.sql",
            "/* asset: sales.best */\nselect store, total from sales.stores order by total desc limit 1\n",
        ),
    ])
}

fn json(text: &str) -> Value {
    serde_json::from_str(text.lines().last().expect("a line")).expect("it is JSON")
}

/// How each step of a run ended, and the rows that it changed: `sales.best done 1`.
fn steps(out: &str) -> Vec<String> {
    let report = json(out);
    let steps = report["steps"].as_array().expect("steps").iter();
    let mut told: Vec<String> = steps
        .map(|s| {
            format!(
                "{} {} {}",
                s["asset"].as_str().unwrap(),
                s["outcome"].as_str().unwrap(),
                s["figures"]["rows_changed"]
            )
        })
        .collect();
    told.sort();
    told
}

#[test]
fn a_view_is_read_as_it_is_now_and_nothing_is_stored() {
    let project = shop();
    let run = project.ok(&["--json", "run"]);
    assert_eq!(
        steps(&run),
        [
            "raw.orders done 3",
            "sales.best done 1",
            "sales.large done 0",
            "sales.stores done 0"
        ]
    );
    assert!(!project.file("lake/sales/large").exists() && !project.file("lake/sales/stores").exists());
    assert_eq!(
        project.sql("select * from sales.stores"),
        "store,orders,total\nSeoul,2,32.50\n"
    );
    // What its inputs have at any time, with no run of the view.
    project.write("data/orders.csv", "id,store,amount\n1,Seoul,12.50\n4,Busan,99.00\n");
    project.ok(&["run", "raw.orders"]);
    assert_eq!(
        project.sql("select store, total from sales.stores order by store"),
        "store,total\nBusan,99.00\nSeoul,12.50\n"
    );
    // Joined with the table that it stands on, as any other table.
    assert_eq!(
        project.sql("select o.id from raw.orders o join sales.large l on l.id = o.id where l.store = 'Busan'"),
        "id\n4\n"
    );
}

#[test]
fn a_change_passes_through_views() {
    let project = shop();
    project.ok(&["run"]);
    assert_eq!(project.sql("select store from sales.best"), "store\nSeoul\n");
    project.write("data/orders.csv", "id,store,amount\n1,Seoul,12.50\n4,Busan,99.00\n");
    project.ok(&["run", "raw.orders"]);
    let why = json(&project.ok(&["--json", "why", "sales.best"]));
    assert_eq!(why["status"]["state"], "stale");
    let words = why["status"]["why"].as_str().unwrap();
    assert!(words.starts_with("raw.orders changed in version "), "{words}");
    // Versions are those of tables: a view has none.
    assert_eq!(why["inputs"][0][0], "raw.orders");
    assert_eq!(why["inputs"].as_array().unwrap().len(), 1);
    project.ok(&["run", "sales.best"]);
    assert_eq!(project.sql("select store from sales.best"), "store\nBusan\n");
    // Nothing is due again; the views that were not run are to be checked again, and what they give is not old.
    let status = json(&project.ok(&["--json", "status"]));
    let of = |name: &str| {
        status
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(of("sales.best")["state"], "fresh");
    assert_eq!(of("sales.stores")["state"], "stale");
    let why = of("sales.stores")["why"].as_str().unwrap().to_string();
    assert!(
        why.starts_with("a view, and what it gives is never old; to be checked again: raw.orders changed"),
        "{why}"
    );
}

#[test]
fn another_sql_of_a_view_is_a_change_of_its_readers() {
    let project = shop();
    project.ok(&["run"]);
    let plan = json(&project.ok(&["--json", "plan"]));
    assert!(plan.to_string().contains("\"is_view\":true"), "{plan}");
    // Remarks and space are no change.
    project.edit(
        "assets/sales/large.sql",
        "select id, store",
        "select   id, -- the number\n  store",
    );
    assert_eq!(
        json(&project.ok(&["--json", "status", "sales.best"]))[0]["state"],
        "fresh"
    );
    project.edit("assets/sales/large.sql", ">= 10", ">= 15");
    let status = json(&project.ok(&["--json", "status", "sales.best"]));
    assert_eq!(status[0]["why"], "the SQL of the view sales.large changed");
    let text = project.ok(&["plan"]);
    assert!(
        text.contains("sales.large [recompute]: a view: tried and checked, nothing is stored (the definition changed)"),
        "{text}"
    );
    project.ok(&["run"]);
    assert_eq!(project.sql("select total from sales.best"), "total\n20.00\n");
    assert!(
        project.ok(&["plan"]).contains("raw.orders"),
        "a copy is asked at every run"
    );
    assert_eq!(
        json(&project.ok(&["--json", "status", "sales.best"]))[0]["state"],
        "fresh"
    );
}

#[test]
fn a_check_of_a_view_is_judged_by_a_run_and_stops_what_reads_it() {
    let project = shop();
    project.edit("assets/sales/stores.sql", "orders > 0", "total < 30");
    let run = project.segue(&["--json", "run"]).ended(9);
    assert_eq!(
        steps(&run.out),
        [
            "raw.orders done 3",
            "sales.best skipped 0",
            "sales.large done 0",
            "sales.stores failed 0"
        ]
    );
    assert!(run.out.contains("SG0511") && run.out.contains("Seoul"), "{}", run.out);
    // It can be read all the same: nothing was held back.
    assert_eq!(project.sql("select store from sales.stores"), "store\nSeoul\n");
    project.edit("assets/sales/stores.sql", "total < 30", "total < 300");
    project.ok(&["run"]);
    // The same check over the same rows is not judged again; another one is.
    let fresh = json(&project.ok(&["--json", "status", "sales.stores"]));
    assert_eq!(fresh[0]["state"], "fresh");
    project.edit("assets/sales/stores.sql", "total < 300", "total < 3");
    project.segue(&["run"]).ended(9);
}

#[test]
fn a_copy_writes_what_a_view_gives_and_a_list_may_be_one() {
    let project = shop();
    project.write(
        "assets/out/stores.yaml",
        "asset: out.stores\ncopy: { from: lake, table: sales.stores }\ninto: { connection: app, table: stores }\nwrite: { mode: replace, key: [store] }\n",
    );
    // The view is not chosen: its table comes before all the same.
    project.ok(&["run", "raw.orders", "out.stores"]);
    let db = rusqlite::Connection::open(project.file("app.db")).unwrap();
    let total: String = db
        .query_row("select total from stores where store = 'Seoul'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(total, "32.50");
}

#[test]
fn a_view_of_what_is_not_there_yet_says_what_to_run() {
    let project = shop();
    let asked = project.segue(&["sql", "select * from sales.stores"]).ended(4);
    assert!(
        asked.err.contains("raw.orders has no table yet") && asked.err.contains("segue run raw.orders"),
        "{}",
        asked.err
    );
    // A question about something else is none of its business.
    project.ok(&["sql", "select 'stores' as stores"]);
    let plan = project.ok(&["plan"]);
    assert!(
        plan.contains("sales.best: after raw.orders, sales.large, sales.stores"),
        "{plan}"
    );
}

#[test]
fn tables_and_columns_list_views() {
    let project = shop();
    project.ok(&["run"]);
    assert_eq!(
        project.sql("select table_name, table_type, place from information_schema.tables where table_schema = 'sales' order by 1"),
        "table_name,table_type,place\nbest,BASE TABLE,lake\nlarge,VIEW,view\nstores,VIEW,view\n"
    );
    let described = project.ok(&["sql", "--format", "csv", "describe sales.stores"]);
    assert!(
        described.contains("store,string") && described.contains("orders,int64"),
        "{described}"
    );
}

#[test]
fn a_table_becomes_a_view_and_one_again() {
    let project = shop();
    let large = project.read("assets/sales/large.sql");
    project.write(
        "assets/sales/large.sql",
        &large.replace("\n   write: { mode: view }", ""),
    );
    project.ok(&["run"]);
    assert!(project.file("lake/sales/large").exists());
    project.write("assets/sales/large.sql", &large);
    let plan = project.ok(&["plan"]);
    assert!(
        plan.contains("sales.large [breaking]: a view: tried and checked, nothing is stored"),
        "{plan}"
    );
    assert!(
        plan.contains("it becomes a view; its table stays, unread, until `segue asset drop sales.large --table-only`"),
        "{plan}"
    );
    project.ok(&["run"]);
    // The table that it was stays as it was.
    project.write("data/orders.csv", "id,store,amount\n7,Seoul,70.00\n");
    project.ok(&["run"]);
    assert_eq!(project.sql("select id from sales.large"), "id\n7\n");
    assert!(project.file("lake/sales/large").exists());
    // And back: it is built anew.
    project.write(
        "assets/sales/large.sql",
        &large.replace("\n   write: { mode: view }", ""),
    );
    assert!(
        project
            .ok(&["plan"])
            .contains("it becomes a table, and is no longer a view")
    );
    project.ok(&["run"]);
    assert_eq!(project.sql("select id from sales.large"), "id\n7\n");
    assert_eq!(project.sql("select total from sales.best"), "total\n70.00\n");
    // Given up while it is a view, the old table is gone, and the view is not.
    project.write("assets/sales/large.sql", &large);
    project.ok(&["run"]);
    project.ok(&["asset", "drop", "sales.large", "--table-only", "--yes"]);
    assert_eq!(project.sql("select id from sales.large"), "id\n7\n");
}

#[test]
fn views_in_a_ring_and_what_a_view_cannot_have_are_refused() {
    let project = shop();
    project.edit(
        "assets/sales/large.sql",
        "from raw.orders where amount >= 10",
        "from raw.orders where store in (select store from sales.stores)",
    );
    let ring = project.segue(&["check"]).ended(2);
    assert!(ring.out.contains("SG0127"), "{}", ring.out);
    let project = shop();
    project.edit(
        "assets/sales/large.sql",
        "write: { mode: view }",
        "write: { mode: view, key: [id] }\n   params: { n: { type: int64, default: 1 } }\n   on_change: forward_only\n   checks: [ { not_null: [id], on_failure: quarantine } ]",
    );
    let refused = project.segue(&["check"]).ended(2);
    for part in [
        "`key` of a view: nothing is stored",
        "a view takes no parameters",
        "a view has nothing that could stay",
        "a view sets no row aside",
    ] {
        assert!(refused.out.contains(part), "{part}\n{}", refused.out);
    }
}

/// How many ranges of the asset are stale.
fn stale(project: &Project, asset: &str) -> usize {
    let why = json(&project.ok(&["--json", "why", asset]));
    let parts = why["parts"].as_array().unwrap().iter();
    parts.filter(|p| p["state"].get("stale").is_some()).count()
}

#[test]
fn a_late_row_behind_a_view_reopens_its_own_day_where_the_view_hands_the_day_on() {
    let project = shop();
    project.write(
        "data/orders.csv",
        "id,store,amount,day\n1,Seoul,12.50,2024-01-01\n2,Seoul,20.00,2024-01-02\n",
    );
    project.edit(
        "assets/raw/orders.yaml",
        "amount: { type: \"decimal(10,2)\" } }",
        "amount: { type: \"decimal(10,2)\" }, day: { type: date } }",
    );
    project.edit("assets/sales/large.sql", "select id,", "select day as on_day, id,");
    project.write(
        "assets/sales/daily.sql",
        "/* asset: sales.daily\n   range: { by: day, input: sales.large.on_day, output: day, start: 2024-01-01 } */\nselect on_day as day, sum(amount) as total from sales.large where on_day >= $from and on_day < $to group by on_day\n",
    );
    let days = ["--from", "2024-01-01", "--to", "2024-01-03"];
    let run = |what: &str| project.ok(&[&["run", what][..], &days].concat());
    run("+sales.daily");
    assert_eq!(
        project.sql("select day, total from sales.daily order by day"),
        "day,total\n2024-01-01,12.50\n2024-01-02,20.00\n"
    );
    assert_eq!(stale(&project, "sales.daily"), 0);
    project.edit("data/orders.csv", "20.00", "21.00");
    project.ok(&["run", "raw.orders"]);
    // All rows of the file were replaced, and one of them is another.
    assert!((1..=2).contains(&stale(&project, "sales.daily")));
    run("sales.daily");
    assert_eq!(
        project.sql("select total from sales.daily where day = '2024-01-02'"),
        "total\n21.00\n"
    );
    assert_eq!(stale(&project, "sales.daily"), 0);
    // Of a view that is more than a choice of rows nobody knows which days it changed.
    project.edit("assets/sales/large.sql", "select day", "select distinct day");
    run("sales.daily");
    project.edit("data/orders.csv", "21.00", "22.00");
    project.ok(&["run", "raw.orders"]);
    assert_eq!(stale(&project, "sales.daily"), 2);
}

#[test]
fn names_are_found_among_the_rows_of_a_view() {
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: names\n"),
        ("data/artists.csv", "id,name,fans\n1,aespa,80\n2,Nirvana,82\n"),
        (
            "assets/raw/artists.yaml",
            "asset: raw.artists\ncopy:\n  from: files\n  path: data/artists.csv\n  columns: { id: { type: int64 }, name: { type: string }, fans: { type: int32 } }\n",
        ),
        (
            "assets/music/artists.sql",
            "/* asset: music.artists\n   write: { mode: view }\n   find: { id: id, name: name, popularity: fans } */\nselect id, name, fans from raw.artists where fans > 50\n",
        ),
    ]);
    project.ok(&["run"]);
    let found = json(&project.ok(&["--json", "resolve", "music.artists", "AESPA"]));
    assert!(found.to_string().contains("aespa"), "{found}");
    assert_eq!(
        project.sql("select id from resolve('nirvana', 'music.artists')"),
        "id\n2\n"
    );
}

//! A state that is old, lost or doubled; another server, another lake, another parameter: never mistaken for what was done before.

use crate::house::day;
use crate::support::{Project, Server};
use segue_demo::Options;

fn count(project: &Project, table: &str) -> String {
    project
        .sql(&format!("select count(*) from {table}"))
        .lines()
        .last()
        .unwrap_or_default()
        .to_string()
}

/// Runs the first project, then something behind the state's back; the next run refuses and a rebuild goes on without writing twice.
fn refused_then_rebuilt(behind_its_back: impl Fn(&Project)) {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.ok(&["run"]);
    behind_its_back(&project);
    let refused = project.writes_nothing(&["lake"], &["run"], 5);
    assert!(refused.err.contains("state rebuild"), "{}", refused.err);
    project.ok(&["state", "rebuild"]);
    let rows = count(&project, "raw.people");
    // What was done is known again, to the last row: the next run writes nothing at all.
    let again = project.writes_nothing(&["lake"], &["run"], 0);
    assert_eq!(count(&project, "raw.people"), rows, "{}", again.text());
    assert_eq!(rows, "3");
}

#[test]
fn without_its_state_a_project_refuses_until_rebuilt() {
    refused_then_rebuilt(|project| std::fs::remove_dir_all(project.file(".segue")).expect("the state is there"));
}

#[test]
fn with_an_older_state_a_project_refuses_until_rebuilt() {
    refused_then_rebuilt(|project| {
        project.ok(&["state", "backup", "old.db"]);
        project.write("data/people.csv", "name,language\nAda,ko\nMinsu,ko\nZoé,fr\n");
        project.ok(&["run"]);
        for file in ["state.db", "state.db-wal", "state.db-shm"] {
            let _may_not_be_there = std::fs::remove_file(project.file(&format!(".segue/{file}")));
        }
        std::fs::copy(project.file("old.db"), project.file(".segue/state.db")).expect("can copy");
    });
}

/// The project with another state, on the same lake.
fn with_state(project: &Project, from: &str, to: &str) {
    project.edit(
        "segue.yaml",
        &format!("state: .segue/{from}.db"),
        &format!("state: .segue/{to}.db"),
    );
}

#[test]
fn of_two_states_on_one_lake_the_one_that_does_not_know_the_last_commit_is_refused() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    let first = "timezone: UTC\nenvironments:\n  dev: { lake: ./lake, state: .segue/first.db }";
    project.edit("segue.yaml", "timezone: UTC", first);
    project.ok(&["run"]);
    with_state(&project, "first", "second");
    let refused = project.writes_nothing(&["lake"], &["run"], 5);
    assert!(refused.err.contains("error[SG0516]"), "{}", refused.err);
    assert!(refused.err.contains("state rebuild"), "{}", refused.err);
    // Brought back, it knows what was done and does nothing twice; nor does the first, which knows the same.
    project.ok(&["state", "rebuild"]);
    project.writes_nothing(&["lake"], &["run"], 0);
    with_state(&project, "second", "first");
    project.writes_nothing(&["lake"], &["run"], 0);
    // The second one goes on; now it is the first that does not know the last commit.
    with_state(&project, "first", "second");
    project.write("data/people.csv", "name,language\nAda,ko\nMinsu,ko\nZoé,fr\n");
    project.ok(&["run"]);
    with_state(&project, "second", "first");
    let refused = project.writes_nothing(&["lake"], &["run"], 5);
    assert!(refused.err.contains("error[SG0501]"), "{}", refused.err);
    project.ok(&["state", "rebuild"]);
    project.writes_nothing(&["lake"], &["run"], 0);
    assert_eq!(count(&project, "raw.people where language = 'ko'"), "2");
}

/// A merged table with a ranged reader and a database behind it.
fn ranged() -> Project {
    let daily = format!(
        "/* asset: sales.daily\n   range: {{ by: day, input: raw.sales.at, output: day, start: {} }} */\nselect date_trunc('day', at) as day, sum(amount) as total\nfrom raw.sales where at >= $from and at < $to group by 1\n",
        day(6)
    );
    let project = Project::with(&[
        (
            "segue.yaml",
            "format: 1\nproject: ranged\nenvironments:\n  dev: { lake: ./lake, state: .segue/state.db }\n",
        ),
        (
            "connections/shop.yaml",
            "connection: shop\nkind: sqlite\npath: shop.db\n",
        ),
        (
            "assets/raw/sales.yaml",
            "asset: raw.sales\ncopy:\n  from: files\n  path: data/sales.csv\n  columns:\n    id: { type: int64, required: true }\n    at: { type: timestamp, required: true }\n    amount: { type: int64 }\nwrite: { mode: merge, key: [id] }\n",
        ),
        ("assets/sales/daily.sql", &daily),
        (
            "assets/shop/daily.yaml",
            "asset: shop.daily\ncopy: { from: lake, table: sales.daily }\ninto: { connection: shop, table: daily }\nwrite: { mode: merge, key: [day] }\n",
        ),
    ]);
    sell(&project, 3);
    project
}

/// So many sales, of five days.
fn sell(project: &Project, sales: u32) {
    let line = |id| format!("{id},{}T10:00:00Z,{id}\n", day(1 + i64::from(id % 5)));
    let lines: String = (0..sales).map(line).collect();
    project.write("data/sales.csv", &format!("id,at,amount\n{lines}"));
}

/// What the tables hold: rows, days and what the database has of them.
fn held(project: &Project) -> String {
    let daily = project.sql("select day, total from sales.daily order by day");
    let shop = rusqlite::Connection::open(project.file("shop.db")).expect("the database is there");
    let of_shop: i64 = shop
        .query_row("select coalesce(sum(total), 0) from daily", [], |row| row.get(0))
        .expect("the table is there");
    format!("{} rows\n{daily}{of_shop} in the shop", count(project, "raw.sales"))
}

/// So many entries of a log since its last checkpoint make the end of a run write another.
const LONG_LOG: u32 = 20;

#[test]
fn after_checkpoints_and_log_clean_up_a_lost_state_is_brought_back_all_the_same() {
    let project = ranged();
    for sales in 3..(4 + LONG_LOG) {
        sell(&project, sales);
        project.ok(&["run", "raw.sales"]);
    }
    project.ok(&["run"]);
    let log = "lake/raw/sales/_delta_log";
    let names = project.read_dir(log);
    let checkpoint = names
        .iter()
        .find(|name| name.contains(".checkpoint."))
        .expect("a checkpoint");
    // What another program's clean-up does: entries go that the checkpoint stands for.
    let gone: Vec<_> = names
        .iter()
        .filter(|name| name.ends_with(".json") && name[..20.min(name.len())] < checkpoint[..20])
        .filter(|name| !name.starts_with('_'))
        .collect();
    assert!(gone.len() as u32 > LONG_LOG / 2, "{names:?}");
    for name in gone {
        std::fs::remove_file(project.file(&format!("{log}/{name}"))).expect("it is there");
    }
    let before = held(&project);
    std::fs::remove_dir_all(project.file(".segue")).expect("the state is there");
    project.writes_nothing(&["lake", "shop.db"], &["run"], 5);
    project.ok(&["state", "rebuild"]);
    let again = project.writes_nothing(&["lake", "shop.db"], &["run"], 0);
    assert_eq!(held(&project), before, "{}", again.text());
    // And it goes on: a late row reopens its own day, and the days beside it stay as they are.
    project.write(
        "data/sales.csv",
        &format!("{}99,{}T12:00:00Z,1000\n", project.read("data/sales.csv"), day(2)),
    );
    project.ok(&["run"]);
    let parts = "select rows_written from system.steps where asset = 'sales.daily' order by started_at desc limit 1";
    assert_eq!(project.sql(parts).lines().last(), Some("1"));
    assert_ne!(held(&project), before);
}

#[test]
fn another_server_is_never_taken_for_the_one_that_was_read() {
    let (first, second) = (Server::start(Options::default()), Server::start(Options::default()));
    let mut project = Project::music(&first);
    project.ok(&["run", "+raw.artists"]);
    project.ask(&second);
    let refused = project.segue(&["run", "raw.artists"]);
    assert_ne!(refused.code, Some(0), "{}", refused.text());
    assert!(
        refused.err.contains("--accept-source") && refused.err.contains("--rebuild"),
        "{}",
        refused.err
    );
    assert_eq!(second.standin().stats().total, 0, "nothing was asked");
    project.ok(&["apply", "--accept-source", "spotify"]);
    project.ok(&["run", "raw.artists"]);
}

#[test]
fn a_lake_that_is_gone_is_never_taken_for_the_one_that_was_written() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.ok(&["run"]);
    std::fs::rename(project.file("lake"), project.file("lake-before")).expect("can move");
    let refused = project.writes_nothing(&["lake/raw", "lake/hello", "lake-before"], &["run"], 5);
    assert!(refused.err.contains("is gone, or another"), "{}", refused.err);
    // Told to, it begins anew, and what was written before stays where it is.
    let rebuilt = project.segue(&["run", "--rebuild"]).ok();
    assert_eq!(count(&project, "raw.people"), "3", "{}", rebuilt.text());
    project.writes_nothing(&["lake", "lake-before"], &["run"], 0);
}

#[test]
fn another_lake_with_tables_of_the_same_names_is_never_taken_for_the_one_that_was_written() {
    let (project, other) = (ranged(), ranged());
    project.ok(&["run"]);
    sell(&other, 9);
    other.ok(&["run"]);
    for (path, bytes) in other.contents(&["lake"]) {
        let below = path.strip_prefix(other.file("")).expect("a path of that project");
        let to = project.file("elsewhere").join(below);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("can make folders");
        std::fs::write(to, bytes).expect("can write");
    }
    let before = held(&project);
    project.edit("segue.yaml", "./lake", "./elsewhere/lake");
    let both = ["lake", "elsewhere", "shop.db"];
    // Not read as ours, not added to, and not replaced either: nobody said that those tables may go.
    for args in [&["run"][..], &["run", "--rebuild"]] {
        let refused = project.writes_nothing(&both, args, 5);
        assert!(refused.err.contains("error[SG0"), "{}", refused.err);
    }
    project.edit("segue.yaml", "./elsewhere/lake", "./lake");
    project.writes_nothing(&both, &["run"], 0);
    assert_eq!(held(&project), before);
}

#[test]
fn another_database_at_the_place_is_never_taken_for_the_one_that_was_written() {
    let (project, other) = (ranged(), ranged());
    project.ok(&["run"]);
    sell(&other, 9);
    other.ok(&["run"]);
    let before = held(&project);
    std::fs::rename(project.file("shop.db"), project.file("before.db")).expect("can move");
    std::fs::copy(other.file("shop.db"), project.file("shop.db")).expect("can copy");
    sell(&project, 4);
    project.ok(&["run", "raw.sales", "sales.daily"]);
    for args in [&["run", "shop.daily"][..], &["run", "shop.daily", "--rebuild"]] {
        let refused = project.writes_nothing(&["lake", "shop.db"], args, 5);
        assert!(refused.err.contains("error[SG0"), "{}", refused.err);
    }
    // One that is gone is built anew when it is told so; never by itself.
    std::fs::remove_file(project.file("shop.db")).expect("it is there");
    let refused = project.writes_nothing(&["lake", "shop.db"], &["run", "shop.daily"], 5);
    assert!(refused.err.contains("is gone, or another"), "{}", refused.err);
    project.ok(&["run", "shop.daily", "--rebuild"]);
    let built = held(&project);
    assert_ne!(built, before);
    std::fs::rename(project.file("before.db"), project.file("shop.db")).expect("can move");
    // Nor is the old one, which was put back, the new one.
    project.writes_nothing(&["lake", "shop.db"], &["run", "shop.daily"], 5);
}

#[test]
fn another_parameter_is_never_taken_for_the_one_that_was_given() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.write(
        "assets/hello/long.sql",
        "/* asset: hello.long\n   params: { least: { type: int64, default: 4 } } */\nselect name, $least as least from raw.people where length(name) >= $least\n",
    );
    let least = |args: &[&str]| {
        project.ok(&[&["run", "hello.long"], args].concat());
        project.sql("select distinct least from hello.long")
    };
    project.ok(&["run"]);
    assert_eq!(least(&[]), "least\n4\n");
    assert_eq!(least(&["--param", "least=1"]), "least\n1\n");
    assert_eq!(least(&["--param", "least=1"]), "least\n1\n");
    let last = "select rows_written from system.steps where asset = 'hello.long' order by started_at desc limit 1";
    assert_eq!(project.sql(last), "rows_written\n0\n", "the same parameter is done");
    assert_eq!(least(&[]), "least\n4\n");
}

#[test]
fn a_parameter_that_is_a_label_is_a_part_of_its_own() {
    let standin = Server::start(Options::default());
    let project = Project::music(&standin);
    let names: String = project
        .read("data/artists.csv")
        .lines()
        .take(4)
        .map(|l| format!("{l}\n"))
        .collect();
    project.write("data/artists.csv", &names);
    let asset = "assets/raw/top_tracks.yaml";
    project.edit(
        asset,
        "copy:\n",
        "params: { market: { type: string, default: US } }\ncopy:\n",
    );
    project.edit(asset, "market: US", "market: \"{{ params.market }}\"");
    let labelled = "columns:\n    market:      { value: \"{{ params.market }}\", type: string, required: true }\n";
    project.edit(asset, "columns:\n", labelled);
    project.edit(asset, "slice: [artist_id]", "slice: [artist_id, market]");
    project.edit(asset, "key: [artist_id, id]", "key: [artist_id, market, id]");
    project.ok(&["run", "+raw.artists"]);
    let asked = || {
        standin
            .standin()
            .stats()
            .requests
            .get("top_tracks")
            .copied()
            .unwrap_or(0)
    };
    let markets = |args: &[&str]| {
        let before = asked();
        project.ok(&[&["run", "raw.top_tracks"], args].concat());
        let rows = project.sql("select market, count(distinct artist_id) from raw.top_tracks group by 1 order by 1");
        (asked() - before, rows.lines().skip(1).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(markets(&[]), (3, "US,3".into()));
    assert_eq!(markets(&["--param", "market=KR"]), (3, "KR,3 US,3".into()));
    // Each was done, and neither is the other.
    assert_eq!(markets(&["--param", "market=KR"]), (0, "KR,3 US,3".into()));
    assert_eq!(markets(&["--param", "market=US"]), (0, "KR,3 US,3".into()));
    assert_eq!(markets(&["--param", "market=JP"]), (3, "JP,3 KR,3 US,3".into()));
}

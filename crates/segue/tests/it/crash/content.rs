//! What a project holds when all is done, and how two ways to the same end are compared.

use crate::support::{Done, Project, Server};
use segue_demo::Options;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The rows of every table, by its name.
pub type Content = BTreeMap<&'static str, String>;

/// How many names of the catalogue the project asks for: enough for every kind of commit, few enough to run it often.
pub const NAMES: usize = 24;

/// Every table, and what of it is compared. Left out of what was set aside: when, by which attempt, and from which answer; these alone
/// may differ between two ways to the same end. Of every other table all columns are compared.
const TABLES: &[(&str, &str)] = &[
    ("raw.artist_names", "*"),
    ("raw.artists", "*"),
    ("raw.artist_genres", "*"),
    ("raw.top_tracks", "*"),
    ("raw.audio_features", "*"),
    ("music.artist_profiles", "*"),
    ("music.related_artists", "*"),
    ("quarantine.\"raw.artists\"", "reason, row"),
];

/// The music project, asking this stand-in for the first names of the catalogue and for one that nobody has.
pub fn music(standin: &Server) -> Project {
    let project = Project::music(standin);
    let names = project.read("data/artists.csv");
    project.write("data/all_artists.csv", &names);
    ask_for(&project, NAMES);
    project
}

/// From now on the project asks for so many names.
pub fn ask_for(project: &Project, names: usize) {
    let all = project.read("data/all_artists.csv");
    let some: Vec<&str> = all.lines().take(names + 1).collect();
    // One more, so that there is something to set aside.
    project.write("data/artists.csv", &(some.join("\n") + "\nA Name That Nobody Has\n"));
}

/// The content after a run that nothing disturbs.
pub fn calm() -> &'static Content {
    static CALM: OnceLock<Content> = OnceLock::new();
    CALM.get_or_init(|| {
        let standin = Server::start(Options::default());
        let project = music(&standin);
        project.ok(&["run"]);
        content(&project)
    })
}

fn content(project: &Project) -> Content {
    // All at once: what takes time is starting them.
    let asked: Vec<_> = TABLES
        .iter()
        .map(|(table, columns)| {
            let question = format!("select {columns} from {table}");
            (*table, project.start(&["sql", "--format", "csv", &question]))
        })
        .collect();
    let mut all = Content::new();
    for (table, asked) in asked {
        let answer = Done::of(asked.wait_with_output().expect("it ends")).ok().out;
        let mut rows: Vec<&str> = answer.lines().skip(1).collect();
        rows.sort_unstable();
        all.insert(table, rows.join("\n"));
    }
    let results = rusqlite::Connection::open(project.file("results.db")).expect("the database is there");
    for table in ["related_artists", "artists"] {
        all.insert(table, rows_of(&results, table));
    }
    all
}

fn rows_of(database: &rusqlite::Connection, table: &str) -> String {
    let mut statement = database
        .prepare(&format!("select * from {table} order by 1, 2, 3"))
        .expect("the table is there");
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        Ok((0..columns)
            .map(|i| format!("{:?}", row.get_ref(i).expect("a value")))
            .collect::<Vec<_>>()
            .join("|"))
    });
    let rows: Vec<String> = rows.expect("rows").map(|r| r.expect("a row")).collect();
    rows.join("\n")
}

/// Runs until nothing is left to do, at most so often; then what is wrong, if anything is: a run that does not come to its end, something
/// that is left prepared, a table that is not as after a calm run.
pub fn wrong(project: &Project) -> Option<String> {
    let mut wrong = Vec::new();
    let mut last = project.segue(&["run"]);
    for _ in 0..4 {
        if last.code != Some(0) {
            last = project.segue(&["run"]);
        }
    }
    if last.code != Some(0) {
        wrong.push(format!("it is never done: {:?}\n{}", last.code, last.text()));
    }
    let prepared = project.sql("select count(*) from system.commits where state = 'prepared'");
    if prepared.lines().last() != Some("0") {
        wrong.push(format!("something is prepared:\n{prepared}"));
    }
    let calm = calm();
    for (table, rows) in content(project) {
        if rows != calm[table] {
            wrong.push(format!("{table} differs:\n{}", difference(&calm[table], &rows)));
        }
    }
    (!wrong.is_empty()).then(|| wrong.join("\n\n"))
}

/// Nothing is wrong with the project after this.
#[track_caller]
pub fn assert_right(project: &Project, after: &str) {
    if let Some(wrong) = wrong(project) {
        panic!("after {after}: {wrong}");
    }
}

/// The rows that one of them has more often than the other.
fn difference(calm: &str, here: &str) -> String {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for row in calm.lines() {
        *counts.entry(row).or_default() -= 1;
    }
    for row in here.lines() {
        *counts.entry(row).or_default() += 1;
    }
    let rows = counts.into_iter().filter(|(_, n)| *n != 0);
    rows.map(|(row, n)| format!("{n:+} {row}\n")).collect()
}

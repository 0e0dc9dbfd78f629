//! What a project holds when all is done, and how two ways to the same end are compared.

use crate::support::{Done, Project, Server};
use segue_demo::Options;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The rows of every table, by its name.
pub type Content = BTreeMap<&'static str, String>;

/// How many names of the catalogue the project asks for: enough for every kind of commit, few enough to run it often.
pub const NAMES: usize = 24;

/// Every table, and what of it is compared. Of the assets' own tables that is everything. Left out is what may differ between two ways to the
/// same end:
///
/// * of what was set aside: when, by which attempt, and from which answer;
/// * of the kept pages: when they were read, from which address (the request's hash has it in it), how often, because a slice that is read again is kept again, and the text
///   of the answer, in which a fault may have doubled a record. The pages of `raw.artist_genres` and `raw.audio_features` are left out whole: there one request asks for many slices, and which of them
///   stand together depends on what was done before;
/// * what no asset is: `system.ledger`, `system.commits`, `system.runs` and `system.steps` in the state, the claims beside the tables, and
///   `_segue_heads` and `_segue_commits` in the database. They tell of the way: times, numbers, ids and versions.
const TABLES: &[(&str, &str)] = &[
    ("raw.artist_names", "*"),
    ("raw.artists", "*"),
    ("raw.artist_genres", "*"),
    ("raw.top_tracks", "*"),
    ("raw.audio_features", "*"),
    ("music.artist_profiles", "*"),
    ("music.related_artists", "*"),
    ("quarantine.\"raw.artists\"", "reason, row"),
    ("pages.\"raw.artists\"", PAGES),
    ("pages.\"raw.top_tracks\"", PAGES),
];

const PAGES: &str = "distinct slices, page, last, status";

/// With these codes a run may end that is to be run again: 8 where something is left for later, and 6 where a fault of the stand-in, or
/// another process, was in its way for a while.
pub const AGAIN: [i32; 2] = [8, 6];

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
        content(&project).expect("every table can be read")
    })
}

/// What is in every table, or why one of them cannot be read.
fn content(project: &Project) -> Result<Content, String> {
    // All at once: what takes time is starting them.
    let asked: Vec<_> = TABLES
        .iter()
        .map(|(table, columns)| {
            let question = format!("select {columns} from {table}");
            (*table, project.start(&["sql", "--format", "csv", &question]))
        })
        .collect();
    let answers: Vec<_> = asked
        .into_iter()
        .map(|(table, asked)| (table, Done::of(asked.wait_with_output().expect("it ends"))))
        .collect();
    let mut all = Content::new();
    for (table, answer) in answers {
        if answer.code != Some(0) {
            return Err(format!("{table} cannot be read:\n{}", answer.text()));
        }
        let mut rows: Vec<&str> = answer.out.lines().skip(1).collect();
        rows.sort_unstable();
        all.insert(table, rows.join("\n"));
    }
    let results = rusqlite::Connection::open(project.file("results.db")).expect("the database is there");
    for table in ["related_artists", "artists"] {
        all.insert(table, rows_of(&results, table));
    }
    Ok(all)
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
        match last.code {
            Some(0) => break,
            Some(code) if AGAIN.contains(&code) => {}
            code => wrong.push(format!("a run ended with {code:?}:\n{}", last.text())),
        }
        last = project.segue(&["run"]);
    }
    if last.code != Some(0) {
        wrong.push(format!("it is never done: {:?}\n{}", last.code, last.text()));
    }
    let prepared = project.sql("select count(*) from system.commits where state = 'prepared'");
    if prepared.lines().last() != Some("0") {
        wrong.push(format!("something is prepared:\n{prepared}"));
    }
    let calm = calm();
    match content(project) {
        Err(unreadable) => wrong.push(unreadable),
        Ok(content) => {
            let others = content.iter().filter(|(table, rows)| **rows != calm[*table]);
            wrong.extend(others.map(|(table, rows)| format!("{table} differs:\n{}", difference(&calm[table], rows))));
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

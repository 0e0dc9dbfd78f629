//! The documentation is run: what a page says that the program shows, it shows.

mod reader;
mod shown;

use reader::{Block, Reader, blocks};
use segue_testkit::postgres::{Postgres, USER};
use std::path::Path;

/// From the root of the repository.
fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[track_caller]
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} differ:\n\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_first_project_is_as_the_guide_says() {
    none(&Reader::new().follow(&text("docs/guide/first-project.md")));
}

#[test]
fn write_modes_are_as_the_guide_says() {
    none(&Reader::new().follow(&text("docs/guide/write-modes.md")));
}

#[test]
fn testing_is_as_the_guide_says() {
    none(&Reader::new().follow(&text("docs/guide/testing.md")));
}

#[test]
fn rows_set_aside_are_as_the_guide_says() {
    none(&Reader::new().follow(&text("docs/guide/rows-set-aside.md")));
}

#[test]
fn trying_is_as_the_guide_says() {
    none(&Reader::new().follow(&text("docs/guide/trying.md")));
}

#[test]
fn finding_by_name_is_as_the_guide_says() {
    none(&Reader::new().follow(&text("docs/guide/finding-by-name.md")));
}

#[test]
fn files_are_as_the_guide_says() {
    none(&Reader::new().follow(&text("docs/guide/files.md")));
}

#[test]
fn a_chat_is_as_the_guide_says() {
    none(&Reader::new().follow(&text("docs/guide/chat.md")));
}

#[test]
fn a_web_api_is_as_the_guide_says() {
    none(&Reader::new().follow(&text("docs/guide/web-api.md")));
}

#[test]
fn many_tables_are_as_the_guide_says() {
    let server = Postgres::shared();
    server.sql("postgres", "create database shop");
    server.sql(
        "shop",
        "create table orders (id int8 primary key, name text, amount numeric(10, 2)); create table items (id int4); create table logs (id int4);
         insert into orders values (1, 'Ada', 1), (2, 'Bo', 2), (3, null, 3); insert into items values (1), (2)",
    );
    let (mut reader, port) = (Reader::new(), server.port());
    let state = tempfile::tempdir().expect("a folder");
    let state = state.path().display();
    let set = format!("$ export PGHOST=127.0.0.1 PGPORT={port} PGUSER={USER} PGPASSWORD= XDG_STATE_HOME={state}");
    let set = format!("```console\n{set}\n```\n");
    none(&reader.follow(&set));
    reader.save("project/segue.yaml", "format: 1\nproject: shop\n");
    let connection =
        format!("connection: shop\nkind: postgres\nhost: 127.0.0.1\nport: {port}\ndatabase: shop\nuser: {USER}\n");
    reader.save("project/connections/shop.yaml", &connection);
    none(&reader.follow(&text("docs/guide/many-tables.md")));
}

#[test]
fn the_readme_is_true() {
    let readme = text("README.md");
    let mut reader = Reader::new();
    // Its files belong into the demo's project, before what that makes of them.
    let raw = |path: &str| !path.starts_with("assets/music/") && !path.starts_with("assets/serving/");
    for (path, text) in segue_demo::project::files().iter().filter(|(path, _)| raw(path)) {
        reader.save(path, text);
    }
    none(&reader.follow(&readme));
    let files = blocks(&readme);
    let files = files.iter().filter(|b| matches!(b, Block::File(..))).count();
    assert!(files >= 2, "the README shows {files} files of a project");
    none(&reader.follow("```console\n$ segue check\n... assets checked: nothing is wrong\n```\n"));
}

#[test]
fn the_reference_is_what_the_program_says() {
    let project = crate::support::Project::empty();
    project.ok(&["reference", "written"]);
    for name in project.read_dir("written") {
        let (now, kept) = (
            project.read(&format!("written/{name}")),
            text(&format!("docs/reference/{name}")),
        );
        assert!(now == kept, "docs/reference/{name} is stale; run `cargo xtask gen`");
    }
}

/// Pages of errors whose example is not run, each with what it would take.
const NOT_RUN: &[(&str, &str)] = &[
    (
        "SG0122",
        "the command line looks into the folders above first, and says SG0702",
    ),
    ("SG0251", "a gigabyte is written before the limit is met"),
    (
        "SG0354",
        "a user without the right to write, and tests may be run by root",
    ),
    (
        "SG0355",
        "another program that holds a write open for longer than ten seconds",
    ),
    (
        "SG0330",
        "a bucket that wants a key; the connector's own tests have one",
    ),
    ("SG0331", "a bucket with rights; the connector's own tests have one"),
    ("SG0332", "a server of buckets; the connector's own tests have one"),
    ("SG0333", "a server of buckets; the connector's own tests have one"),
    ("SG0334", "a bucket; the connector's own tests have one"),
    ("SG0335", "a bucket; the connector's own tests have one"),
    ("SG0336", "a bucket; the connector's own tests have one"),
    ("SG0337", "a bucket; the connector's own tests have one"),
    ("SG0338", "a file system of Hadoop; the connector's own tests have one"),
    ("SG0339", "a bucket; the connector's own tests have one"),
    (
        "SG0342",
        "a file of another program; the connector's own tests have one",
    ),
    ("SG0343", "a bucket; the connector's own tests have one"),
    ("SG0344", "a bucket; the connector's own tests have one"),
    ("SG0356", "a full disk"),
    ("SG0362", "a PostgreSQL server; the connector's own tests have one"),
    ("SG0363", "a PostgreSQL server; the connector's own tests have one"),
    ("SG0364", "a PostgreSQL server; the connector's own tests have one"),
    ("SG0365", "a PostgreSQL server; the connector's own tests have one"),
    ("SG0366", "a PostgreSQL server; the connector's own tests have one"),
    ("SG0367", "a PostgreSQL server; the connector's own tests have one"),
    ("SG0368", "a PostgreSQL server; the connector's own tests have one"),
    ("SG0371", "a PostgreSQL server; the connector's own tests have one"),
    ("SG0372", "a PostgreSQL server; the connector's own tests have one"),
    ("SG0379", "a PostgreSQL server; the connector's own tests have one"),
    ("SG0373", "a PostgreSQL server; the connector's own tests have one"),
    (
        "SG0536",
        "a web API whose records have such names; tests of nested data have them",
    ),
    ("SG0534", "records that are never removed have to be lost"),
    (
        "SG0537",
        "more rows than a disk holds; the step's own tests have little room",
    ),
    (
        "SG0386",
        "a server whose disk is full; the connector's own tests have one",
    ),
    ("SG0713", "a file that changes between two moments of a command"),
    ("SG0706", "a PostgreSQL server; tests of `segue discover` have one"),
    ("SG0709", "a PostgreSQL server; tests of `segue copy` have one"),
    ("SG0402", "a table by another program; the lake's own tests have some"),
    ("SG0403", "a mistake of ours: a step judges its rows before (SG0527)"),
    ("SG0404", "a mistake of ours: a step sets doubled keys aside before"),
    ("SG0405", "a mistake of ours: the plan finds the change before (SG0522)"),
    ("SG0406", "a log that somebody cleaned up after ten commits"),
    ("SG0408", "somebody who removes a file between two moments of a commit"),
    ("SG0409", "another writer between two moments of a commit"),
    ("SG0412", "millions of rows"),
    ("SG0413", "a full disk; `attacks` has one"),
    ("SG0515", "a change that the plan does not find before (SG0522)"),
    ("SG0528", "another process between two moments of a commit"),
    ("SG0531", "hundreds of megabytes"),
    (
        "SG0540",
        "a process that is killed between two moments of a commit; `house` has one",
    ),
    ("SG0543", "a companion that is lost between two moments of a commit"),
    ("SG0545", "more rows than a quick test sets aside"),
    (
        "SG0603",
        "a user without the right to write, and tests may be run by root",
    ),
    (
        "SG0605",
        "another program that holds a write open for longer than fifteen seconds",
    ),
    ("SG0606", "a full disk"),
    (
        "SG0388",
        "a refresh token that a server takes no more; the connector's own tests have one",
    ),
    ("SG0389", "a server with sessions; the connector's own tests have one"),
    ("SG0390", "a server of GraphQL; the connector's own tests have one"),
    (
        "SG0391",
        "answers that are packed and damaged; the connector's own tests have some",
    ),
    (
        "SG0312",
        "files that are packed and damaged; the connector's own tests have some",
    ),
    ("SG0315", "a hundred thousand files"),
    ("SG0317", "a spreadsheet; the connector's own tests have some"),
    ("SG0318", "a file of more than sixteen megabytes"),
    ("SG0392", "a server of tables; the connector's own tests have one"),
    (
        "SG0393",
        "a server that prepares exports; the connector's own tests have one",
    ),
    ("SG0394", "two servers; the connector's own tests have them"),
    ("SG0395", "a record of which something is gone; `replay` has one"),
    (
        "SG0607",
        "two processes at one moment; `crash` and the state's own tests have them",
    ),
    (
        "SG0608",
        "a process that is frozen for longer than its lease; `crash` has one",
    ),
    ("SG0609", "`segue check` finds the address before (SG0129)"),
    (
        "SG0610",
        "two states' histories that meet; the state's own tests have them",
    ),
];

/// Runs the examples of a range of codes, each in a folder with nothing but a `segue.yaml`.
fn examples(range: &str) {
    let mut wrong = Vec::new();
    let mut run = 0;
    for (code, page) in segue_diag::pages() {
        let code = code.as_str();
        let has_commands = blocks(page).iter().any(|b| matches!(b, Block::Console(_)));
        if !code.starts_with(range) || !has_commands || NOT_RUN.iter().any(|(listed, _)| *listed == code) {
            continue;
        }
        let mut reader = Reader::new();
        reader.save("segue.yaml", "format: 1\nproject: shop\n");
        let (_, example) = page.split_once("\n## Example").expect("a page has an example");
        if !example.contains(&format!("[{code}]")) {
            wrong.push(format!("{code}: its example does not show it"));
        }
        wrong.extend(reader.follow(example).iter().map(|one| format!("{code}: {one}")));
        run += 1;
    }
    none(&wrong);
    assert!(run > 0, "no example of {range} is run");
}

#[test]
fn the_examples_of_file_and_sql_errors_show_them() {
    examples("SG01");
    examples("SG02");
}

#[test]
fn the_examples_of_connection_errors_show_them() {
    examples("SG03");
}

#[test]
fn the_examples_of_lake_errors_show_them() {
    examples("SG04");
}

#[test]
fn the_examples_of_run_errors_show_them() {
    examples("SG05");
}

#[test]
fn the_examples_of_state_errors_show_them() {
    examples("SG06");
}

#[test]
fn the_examples_of_command_line_errors_show_them() {
    examples("SG07");
}

#[test]
fn the_examples_of_errors_of_finding_by_name_show_them() {
    examples("SG10");
}

#[test]
fn the_examples_of_errors_of_chats_show_them() {
    examples("SG11");
}

#[test]
fn what_is_not_run_has_a_page_and_a_reason() {
    let pages = segue_diag::pages();
    for (at, (code, why)) in NOT_RUN.iter().enumerate() {
        assert!(pages.iter().any(|(c, _)| c.as_str() == *code), "{code} has no page");
        assert!(
            !why.is_empty() && NOT_RUN[..at].iter().all(|(c, _)| c != code),
            "{code}"
        );
    }
}

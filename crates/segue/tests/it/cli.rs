//! The command line: the first project, and what it says when something is wrong.

use crate::support::Project;

#[test]
fn a_first_project_works_at_once() {
    let project = Project::empty();
    project.ok(&["init", "greet"]);
    let in_it = |args: &[&str]| project.segue(&[&["-C", "greet"], args].concat());
    in_it(&["check"]).ok();
    in_it(&["run"]).ok();
    let greetings = in_it(&["sql", "--format", "csv", "select * from hello.greetings order by name"])
        .ok()
        .out;
    insta::assert_snapshot!(greetings, @r#"
    name,greeting
    Ada,"Hello, Ada"
    Minsu,"안녕하세요, Minsu"
    Zoé,"Bonjour, Zoé"
    "#);
    let aside = in_it(&["quarantine", "list"]).ok().out;
    assert!(aside.contains("raw.people") && aside.contains('1'), "{aside}");
    let again = in_it(&["--json", "plan"]).ok().out;
    assert!(!again.contains("\"error\""), "{again}");
}

#[test]
fn init_overwrites_nothing() {
    let project = Project::with(&[("music/notes.txt", "mine")]);
    let refused = project.segue(&["init", "music"]).ended(5);
    assert!(refused.err.contains("error[SG0703]: the folder"), "{}", refused.err);
    assert_eq!(project.read("music/notes.txt"), "mine");
}

#[test]
fn without_a_project_it_says_where_it_looked() {
    let project = Project::empty();
    let refused = project.segue(&["run"]).ended(4);
    assert!(refused.err.contains("error[SG0702]"), "{}", refused.err);
    let json = project.segue(&["--json", "run"]).ended(4);
    let error: serde_json::Value = serde_json::from_str(&json.err).expect("errors are JSON");
    assert_eq!(error["error"]["code"], "SG0702");
}

#[test]
fn a_code_is_explained() {
    let project = Project::empty();
    let page = project.ok(&["explain", "sg0501"]);
    assert!(page.starts_with("# SG0501: "), "{page}");
    let unknown = project.segue(&["explain", "SG05o1"]).ended(4);
    assert!(unknown.err.contains("did you mean `SG0501`?"), "{}", unknown.err);
}

#[test]
fn mistakes_are_drawn_where_they_stand() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.edit("assets/hello/greetings.sql", "from raw.people", "from raw.peple");
    project.edit("assets/raw/people.yaml", "description:", "descripton:");
    let checked = project.segue(&["check"]).ended(2);
    for wanted in [
        "assets/hello/greetings.sql:",
        "raw.peple",
        "did you mean `raw.people`?",
        "descripton",
        "did you mean `description`?",
    ] {
        assert!(checked.out.contains(wanted), "no `{wanted}` in:\n{}", checked.out);
    }
    let refused = project.segue(&["run"]).ended(2);
    assert!(refused.err.contains("error[SG0704]"), "{}", refused.err);
}

#[test]
fn a_secret_is_never_shown() {
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: secrets\n"),
        (
            "connections/api.yaml",
            "connection: api\nkind: rest\nbase_url: http://127.0.0.1:9\nauth: { bearer: { token: \"${secret:API_TOKEN}\" } }\n",
        ),
        (".env", "API_TOKEN=hunter2hunter2\n"),
    ]);
    for args in [
        &["connection", "test", "api"][..],
        &["--json", "connection", "test", "api"],
    ] {
        let refused = project.segue(args);
        assert_ne!(refused.code, Some(0));
        assert!(!refused.text().contains("hunter2"), "{}", refused.text());
    }
}

/// The project that `segue init` makes, run once.
fn first_project() -> Project {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.ok(&["run"]);
    project
}

#[test]
fn looking_goes_on_while_a_file_is_being_edited() {
    let project = first_project();
    project.write("assets/new.sql", "/* asset: hello.new */\nselect nme from raw.people\n");
    let asked = ["sql", "--format", "csv", "select count(*) as n from hello.greetings"];
    let answered = project.segue(&asked).ok();
    assert_eq!(answered.out.replace("\r\n", "\n"), "n\n3\n");
    assert!(
        answered.err.contains("the project has a mistake") && answered.err.contains("assets/new.sql"),
        "{}",
        answered.err
    );
    for args in [
        &["runs"][..],
        &["logs"],
        &["quarantine", "list"],
        &["state", "backup", "copy.db"],
        &["lake", "history", "raw.people"],
    ] {
        project.segue(args).ok();
    }
    // What changes something waits until all is right, and what it says of the mistakes is no output.
    for args in [
        &["run"][..],
        &["plan"],
        &["lake", "vacuum"],
        &["asset", "drop", "raw.people", "--yes"],
    ] {
        let refused = project.segue(args).ended(2);
        assert_eq!(refused.out, "");
        assert!(
            refused.err.contains("error[SG0204]: there is no column `nme`"),
            "{}",
            refused.err
        );
    }
    // Without its segue.yaml nobody knows where a project's lake is.
    project.edit("segue.yaml", "format: 1", "format: 1\nenviroments: {}");
    project.segue(&asked).ended(2);
}

#[test]
fn an_environment_that_there_is_not_is_an_error_of_every_verb() {
    let project = first_project();
    for args in [
        &["check"][..],
        &["run"],
        &["sql", "select 1 as x"],
        &["plan"],
        &["status"],
    ] {
        let refused = project.segue(&[&["--env", "nosuch"], args].concat()).ended(4);
        assert!(
            refused.err.contains("error[SG0705]: there is no environment `nosuch`"),
            "{}",
            refused.err
        );
    }
}

#[test]
fn a_lake_that_a_variable_puts_into_an_object_store_is_refused_at_once() {
    let mut project = first_project();
    let text = project.read("segue.yaml");
    project.write(
        "segue.yaml",
        &format!("{text}\nenvironments: {{ dev: {{ lake: \"${{env:LAKE:-./lake}}\" }} }}\n"),
    );
    project.ok(&["check"]);
    project.set("LAKE", "s3://bucket/lake");
    let refused = project.segue(&["run"]).ended(2);
    assert!(refused.err.contains("error[SG0410]"), "{}", refused.err);
}

#[test]
fn what_can_have_no_effect_is_refused() {
    let project = first_project();
    project.write(
        "assets/hello/some.sql",
        "/* asset: hello.some\n   params: { least: { type: int64, default: 1 } } */\nselect name from raw.people where length(name) >= $least\n",
    );
    let cases: [(&[&str], &str); 7] = [
        (&["run", "--param", "x=1"], "no chosen asset takes the parameter `x`"),
        (&["run", "--param", "leas=1"], "did you mean `least`?"),
        (
            &["run", "raw.people", "--param", "least=1"],
            "hello.some takes it, and is not chosen",
        ),
        (
            &["plan", "--param", "least=abc"],
            "the parameter `least` of hello.some is of type int64, and `abc` is not",
        ),
        (
            &["run", "--from", "2024-01-01"],
            "none of the chosen assets is computed by ranges",
        ),
        (
            &["backfill", "--from", "2024-01-01", "--to", "2024-02-01"],
            "none of the chosen assets is computed by ranges",
        ),
        (
            &["run", "down+raw.people"],
            "`raw.people+` means raw.people with everything that is made from it",
        ),
    ];
    for (args, wanted) in cases {
        let refused = project.segue(args).ended(2);
        assert!(refused.err.contains(wanted), "no `{wanted}` in:\n{}", refused.err);
    }
    project.ok(&["run", "--param", "least=2"]);
    let names = [
        &["logs", "--asset", "raw.peple"][..],
        &["quarantine", "show", "raw.peple"],
        &["lake", "compact", "raw.peple"],
        &["asset", "drop", "raw.peple"],
        &["status", "raw.peple"],
    ];
    for args in names {
        let refused = project.segue(args).ended(4);
        for wanted in [
            "error[SG0128]: there is no asset `raw.peple`",
            "did you mean `raw.people`?",
        ] {
            assert!(
                refused.err.contains(wanted),
                "{args:?}: no `{wanted}` in:\n{}",
                refused.err
            );
        }
    }
}

#[test]
fn a_copy_that_is_asked_at_every_run_is_no_change() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.segue(&["plan", "--exit-code"]).ended(10);
    project.ok(&["run"]);
    project.segue(&["plan", "--exit-code"]).ended(0);
    project.edit("assets/hello/greetings.sql", "as greeting", "as greeting, 1 as one");
    project.segue(&["plan", "--exit-code"]).ended(10);
}

#[test]
fn tables_and_columns_can_be_listed() {
    let project = first_project();
    let csv = |sql: &str| project.sql(sql).replace("\r\n", "\n");
    let tables = csv("show tables;");
    assert!(
        tables.contains("hello.greetings,lake\n") && tables.contains("system.runs,state\n"),
        "{tables}"
    );
    insta::assert_snapshot!(csv("describe hello.greetings"), @r"
    column,type,nullable
    name,string,YES
    greeting,string,YES
    ");
    let own = "select table_name from information_schema.columns where table_schema = 'raw' and column_name = 'name'";
    assert_eq!(csv(own), "table_name\npeople\n");
    for (sql, wanted) in [
        ("describe hello.greeting", "did you mean `hello.greetings`?"),
        ("select * from hello.greting", "did you mean `hello.greetings`?"),
        ("select * from greetings", "did you mean `hello.greetings`?"),
        ("show databases", "write `show tables` or `describe schema.table`"),
    ] {
        let refused = project.segue(&["sql", sql]).ended(2);
        assert!(refused.err.contains(wanted), "{sql}: {}", refused.err);
    }
}

#[test]
fn usage_errors_are_json_where_json_is_asked_for() {
    let project = Project::empty();
    for (args, wanted) in [
        (&["--json", "nonsense"][..], "unrecognized subcommand 'nonsense'"),
        (&["--json"], "no verb is given"),
        (&["runs", "--json", "--limit", "-1"], "unexpected argument '-1' found"),
    ] {
        let refused = project.segue(args).ended(2);
        let error: serde_json::Value = serde_json::from_str(&refused.err).expect("errors are JSON");
        assert_eq!(error["error"]["kind"], "invalid");
        assert_eq!(error["error"]["message"], wanted);
    }
    let schemas = project.ok(&["--json", "schema"]);
    assert_eq!(schemas.lines().count(), 1);
    assert!(project.ok(&["--json", "--help"]).contains("Exit codes"));
}

#[test]
fn the_demo_leaves_other_projects_alone() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    let refused = project.segue(&["demo", "--dir", ".", "--once"]).ended(5);
    assert!(refused.err.contains("holds another project"), "{}", refused.err);
    assert!(!project.file("lake").exists() && !project.file(".segue").exists());
}

#[test]
fn a_table_is_read_as_it_was() {
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: travel\n"),
        ("data/n.csv", "n\n1\n"),
        (
            "assets/raw/n.yaml",
            "asset: raw.n\ncopy: { from: files, path: data/n.csv, columns: { n: { type: int64 } } }\n",
        ),
    ]);
    project.ok(&["run"]);
    let versions: serde_json::Value =
        serde_json::from_str(&project.ok(&["--json", "lake", "history", "raw.n"])).unwrap();
    let first = versions.as_array().unwrap().last().unwrap().clone();
    project.write("data/n.csv", "n\n1\n2\n");
    project.ok(&["run"]);
    let rows = |at: &str| project.sql(&format!("select count(*) as n from raw.\"n@{at}\""));
    assert_eq!(rows(&first["version"].to_string()).trim(), "n\n1");
    assert_eq!(rows(first["at"].as_str().unwrap()).trim(), "n\n1");
    assert_eq!(project.sql("select count(*) as n from raw.n").trim(), "n\n2");
    let gone = project.segue(&["sql", "select * from raw.\"n@99\""]);
    assert!(gone.err.contains("99") && gone.code != Some(0), "{}", gone.text());
    let nonsense = project.segue(&["sql", "select * from raw.\"n@yesterday\""]).ended(2);
    assert!(
        nonsense.err.contains("neither a version nor a time"),
        "{}",
        nonsense.err
    );
}

#[test]
fn what_is_said_on_the_way_is_shown_where_it_was_asked_for() {
    let mut project = first_project();
    let quiet = project.segue(&["run", "--again"]).ok();
    assert_eq!(quiet.err, "");
    project.set("SEGUE_LOG", "debug");
    project.write("data/people.csv", "name,language\nAda,en\n");
    let said = project.segue(&["run"]).ok();
    assert!(said.err.contains("debug: tidied (table: "), "{}", said.err);
    project.write("data/people.csv", "name,language\nAda,fr\n");
    let json = project.segue(&["--json", "run"]).ok();
    assert!(json.err.lines().count() > 0);
    for line in json.err.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("a value a line");
        assert!(value["debug"]["message"].is_string(), "{line}");
    }
    project.set("SEGUE_LOG", "segue=loud");
    let odd = project.segue(&["run"]).ok();
    assert!(odd.err.starts_with("warning: SEGUE_LOG is left aside"), "{}", odd.err);
}

#[test]
fn what_is_wrong_in_a_file_of_sql_is_drawn_where_it_stands() {
    let project = first_project();
    project.write("q.sql", "select name,\n  nme\nfrom raw.people\n");
    let refused = project.segue(&["sql", "-f", "q.sql"]).ended(2);
    for wanted in [
        "error[SG0204]: there is no column `nme`",
        "q.sql:2:3",
        "^^^",
        "did you mean",
    ] {
        assert!(refused.err.contains(wanted), "no `{wanted}` in:\n{}", refused.err);
    }
    let json = project.segue(&["--json", "sql", "-f", "q.sql"]).ended(2);
    let error: serde_json::Value = serde_json::from_str(&json.err).expect("errors are JSON");
    assert_eq!(error["error"]["context"]["file"], "q.sql");
    assert_eq!(error["error"]["context"]["at"], "line 2, column 3");
}

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

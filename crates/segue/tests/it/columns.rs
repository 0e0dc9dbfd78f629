//! Columns that nobody declared: found out once, kept, and four answers to a source that changes.

use crate::support::Project;

/// A project that has read a file with columns `id` and `n`, both whole numbers; the file has changed since.
fn changed(answer: &str) -> Project {
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: columns\n"),
        ("data/n.csv", "id,n\n1,1\n2,2\n"),
        (
            "assets/raw/n.yaml",
            &format!(
                "asset: raw.n\ncopy: {{ from: files, path: data/n.csv, on_new_column: {answer}, on_type_change: {answer} }}\nwrite: {{ mode: replace }}\n"
            ),
        ),
    ]);
    project.ok(&["run"]);
    project.write("data/n.csv", "id,n,more\n1,1,a\n2,2.5,\n3,3,\n");
    project
}

/// All that the table has now, and how many rows were set aside.
#[track_caller]
fn held(project: &Project) -> String {
    let lines = |statement: &str| project.sql(statement).trim().replace('\n', " | ");
    let aside = match project
        .segue(&["sql", "select count(*) as n from quarantine.\"raw.n\""])
        .code
    {
        Some(0) => lines("select count(*) as aside from quarantine.\"raw.n\""),
        _ => "none aside".into(),
    };
    format!("{}; {aside}", lines("select * from raw.n order by id"))
}

#[test]
fn what_is_new_is_taken_in_and_told() {
    let project = changed("evolve");
    let told = project.segue(&["run"]).ok().text();
    for note in ["column more is new: string", "column n: int64 becomes decimal(20,1)"] {
        assert!(told.contains(note), "{told}");
    }
    assert_eq!(held(&project), "id,n,more | 1,1.0,a | 2,2.5, | 3,3.0,; none aside");
    // By itself this file has whole numbers and two columns; the table's are what they became.
    project.write("data/n.csv", "id,n\n1,1\n");
    project.ok(&["run"]);
    assert_eq!(held(&project), "id,n,more | 1,1.0,; none aside");
}

#[test]
fn frozen_columns_take_nothing() {
    let project = changed("freeze");
    for _ in 0..2 {
        let done = project.segue(&["run"]);
        assert!(
            done.code != Some(0) && done.text().contains("SG0303"),
            "{}",
            done.text()
        );
        assert_eq!(held(&project), "id,n | 1,1 | 2,2; none aside");
    }
}

#[test]
fn rows_that_do_not_fit_are_set_aside() {
    let project = changed("quarantine");
    for _ in 0..2 {
        project.ok(&["run"]);
        assert_eq!(held(&project), "id,n | 3,3; aside | 2");
    }
}

#[test]
fn values_that_do_not_fit_are_left_out_and_told() {
    let project = changed("drop_value");
    for _ in 0..2 {
        let told = project.segue(&["run"]).ok().text();
        assert!(
            told.contains("1 values of data/n.csv were left out, as `drop_value` says"),
            "{told}"
        );
        assert_eq!(held(&project), "id,n | 1,1 | 2, | 3,3; none aside");
    }
}

//! Answers in files, and words that a shell completes.

use crate::support::Project;

fn hello() -> Project {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.ok(&["run"]);
    project
}

#[test]
fn an_answer_becomes_a_file() {
    let project = hello();
    let ask = "select * from hello.greetings";
    for (file, more) in [
        ("a.parquet", &[][..]),
        ("b.bin", &["--format", "parquet"]),
        ("c.csv", &[]),
    ] {
        let done = project.segue(&[&["sql", ask, "--out", file], more].concat()).ok();
        assert!(done.out.is_empty() && done.err.contains(file), "{}", done.text());
    }
    for file in ["a.parquet", "b.bin"] {
        let bytes = std::fs::read(project.file(file)).expect("it is there");
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{file}");
    }
    assert_eq!(project.read("c.csv").replace("\r\n", "\n"), project.sql(ask));
    // What goes wrong leaves what was there, and nothing beside it.
    let before = project.read("c.csv");
    project.segue(&["sql", "select 1 / (1 - 1) as x from hello.greetings", "--out", "c.csv"]);
    project
        .segue(&["sql", "select * from hello.nobody", "--out", "c.csv"])
        .ended(2);
    assert_eq!(project.read("c.csv"), before);
    let names = project.read_dir(".");
    assert!(names.iter().all(|n| !n.contains("partial")), "{names:?}");
    project.segue(&["sql", ask, "--out", "nowhere/x.csv"]).ended(6);
    project.segue(&["sql", ask, "--out", "."]).ended(2);
    project.segue(&["sql", ask, "--format", "parquet"]).ended(2);
}

#[test]
fn shells_are_told_the_words() {
    let project = Project::empty();
    for shell in ["bash", "zsh", "fish"] {
        let text = project.ok(&["completions", shell]);
        for word in ["discover", "scaffold", "into-schema"] {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
    let text = project.ok(&["completions", "bash"]);
    project.write("completions", &text);
    let check = "source ./completions && COMP_WORDS=(segue conn) COMP_CWORD=1 && _segue segue conn segue && echo \"${COMPREPLY[@]}\"";
    let output = std::process::Command::new("bash")
        .args(["-c", check])
        .current_dir(project.file("."))
        .output();
    let output = output.expect("there is a bash");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "connect connection");
}

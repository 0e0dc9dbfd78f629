use super::*;

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn codes(loaded: &Loaded) -> Vec<String> {
    let all = loaded.diagnostics.iter();
    all.map(|d| format!("{} {}", d.code, d.span.as_ref().map_or("-", |s| s.file.as_str())))
        .collect()
}

#[test]
fn files_that_cannot_be_looked_into_are_mistakes_among_the_others() {
    let dir = project(&[
        ("segue.yaml", "format: 1\nproject: p\n"),
        ("assets/wrong.yaml", "asset: raw.x\ncopi: 1\n"),
        ("assets/large.yaml", &" ".repeat(LARGEST_FILE as usize + 1)),
        ("elsewhere.yaml", "asset: raw.y\ncopy: { from: files, path: y.csv }\n"),
    ]);
    std::os::unix::fs::symlink("nowhere", dir.path().join("assets/gone.sql")).unwrap();
    std::os::unix::fs::symlink("../elsewhere.yaml", dir.path().join("assets/linked.yaml")).unwrap();
    let loaded = load(dir.path()).unwrap();
    assert_eq!(
        codes(&loaded),
        [
            "SG0145 assets/gone.sql",
            "SG0103 assets/large.yaml",
            "SG0108 assets/wrong.yaml",
            "SG0107 assets/wrong.yaml",
            "SG0137 elsewhere.yaml"
        ]
    );
    assert!(loaded.knows_its_places());
    let names: Vec<String> = loaded.project.unwrap().assets.keys().map(|n| n.to_string()).collect();
    assert_eq!(names, ["raw.y"]);
}

#[test]
fn an_environment_is_one_of_the_projects() {
    let text = "format: 1\nproject: p\nenvironments: { dev: {}, prod: { lake: prod/lake, state: prod/state.db } }\n";
    let loaded = load(project(&[("segue.yaml", text)]).path()).unwrap();
    assert_eq!(loaded.environment(None).unwrap().unwrap().name, "dev");
    assert_eq!(loaded.environment(Some("prod")).unwrap().unwrap().lake, "prod/lake");
    insta::assert_snapshot!(loaded.environment(Some("prdo")).unwrap_err().to_text(), @"
    error[SG0705]: there is no environment `prdo`
      hint: did you mean `prod`?
      more: segue explain SG0705
    ");
    // Of a segue.yaml that is not right nobody knows which environments there are.
    let broken = load(project(&[("segue.yaml", "format: 1\nprojct: p\n")]).path()).unwrap();
    assert!(!broken.knows_its_places() && broken.environment(Some("prod")).unwrap().is_none());
}

#[test]
fn patterns_are_looked_at_as_the_engine_reads_them() {
    let dir = project(&[
        ("segue.yaml", "format: 1\nproject: p\n"),
        (
            "assets/x.yaml",
            "asset: raw.x\ncopy: { from: files, path: x.csv, columns: { id: { type: string } } }\nchecks:\n  - { matches: { column: id, pattern: \"(\" } }\n  - { matches: { column: id, pattern: \"^a+$\" } }\n",
        ),
    ]);
    assert_eq!(codes(&load(dir.path()).unwrap()), ["SG0136 assets/x.yaml"]);
}

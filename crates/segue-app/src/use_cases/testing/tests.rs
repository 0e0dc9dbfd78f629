use super::*;

#[test]
fn a_word_is_a_path_or_the_name_of_an_asset() {
    for (word, path) in [
        ("tests", Some("tests")),
        ("./tests/more/", Some("tests/more")),
        ("tests/x.yaml", Some("tests/x.yaml")),
        ("x.yaml", Some("tests/x.yaml")),
        ("more/x.slt", Some("tests/more/x.slt")),
        ("raw.orders", None),
        ("+raw.*", None),
        ("tag:nightly", None),
    ] {
        assert_eq!(path_of(word).as_deref(), path, "{word}");
    }
}

#[test]
fn one_that_cannot_be_run_weighs_more_than_one_that_failed() {
    let tested = |outcome: Outcome| Tested {
        name: "a".into(),
        file: "tests/a.yaml".into(),
        line: 1,
        outcome,
        notes: Vec::new(),
        took_us: 1,
    };
    let mut report = TestReport::default();
    report.add(tested(Outcome::Passed));
    assert_eq!(report.exit_code(), 0);
    report.add(tested(Outcome::Failed { message: "x".into() }));
    assert_eq!(report.exit_code(), 9);
    report.add(tested(Outcome::broken(&Error::new(Kind::Invalid, "y"))));
    assert_eq!(report.exit_code(), 2);
    assert_eq!((report.passed, report.failed, report.broken), (1, 1, 1));
}

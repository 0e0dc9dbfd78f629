//! Which paths fit.

use super::*;

#[test]
fn paths_fit_as_a_folder_walk_finds_them() {
    for (pattern, fit, misfit) in [
        (
            "data/*.csv",
            vec!["data/a.csv"],
            vec!["data/.a.csv", "data/b/a.csv", "a.csv", "data/a.csvx", "data/a.csv/"],
        ),
        ("./data//a.csv", vec!["data/a.csv"], vec!["data//a.csv", "/data/a.csv"]),
        (
            "d/**/x.csv",
            vec!["d/x.csv", "d/e/x.csv", "d/e/f/x.csv"],
            vec!["d/.e/x.csv", "x.csv", "d/ex.csv"],
        ),
        ("**", vec!["a", "b/a"], vec![".a", ".b/a", "b/.a", "b/"]),
        ("**/**/a", vec!["a", "b/a", "b/c/a"], vec!["b"]),
        (
            "a?[0-9].json",
            vec!["ab1.json"],
            vec!["a1.json", "abc.json", "a/1.json"],
        ),
        (".h/*", vec![".h/a"], vec!["h/a"]),
    ] {
        let parsed = Pattern::parse(pattern).unwrap();
        for path in fit {
            assert!(parsed.fits(path), "{pattern} {path}");
        }
        for path in misfit {
            assert!(!parsed.fits(path), "{pattern} {path}");
        }
    }
}

#[test]
fn what_has_to_be_asked_for_is_as_little_as_can_be() {
    for (pattern, prefix, one) in [
        ("data/2024-*.csv", "data/2024-", None),
        ("data/**/a.csv", "data/", None),
        ("a/b/c.csv", "a/b/c.csv", Some("a/b/c.csv")),
        ("*.csv", "", None),
        ("a[bc]/d.csv", "a", None),
    ] {
        let parsed = Pattern::parse(pattern).unwrap();
        assert_eq!(parsed.prefix(), prefix);
        assert_eq!(parsed.one().as_deref(), one);
    }
}

#[test]
fn many_stars_take_no_time() {
    let pattern = Pattern::parse(&format!("{}x", "**/".repeat(200))).unwrap();
    assert!(!pattern.fits("a/".repeat(2_000).trim_end_matches('/')));
}

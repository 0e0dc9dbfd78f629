use super::*;
use serde_json::json;

fn references(variables: &[(&str, &str)], files: &[(&str, &str)]) -> (tempfile::TempDir, Result<References>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("secrets")).unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let variables = variables.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let found = References::open(dir.path(), &variables);
    (dir, found)
}

#[test]
fn the_environment_wins_over_dot_env_and_files_come_last() {
    let (_dir, found) = references(
        &[("A", "1")],
        &[(".env", "A=2\nexport B='3'\n# C=9\n"), ("secrets/C", "4\n")],
    );
    let resolved = found
        .unwrap()
        .resolve("x", &json!({"u": "${env:A}/${env:B}/${secret:C}/${env:D:-5}"}))
        .unwrap();
    assert_eq!(resolved.settings, json!({"u": "1/3/4/5"}));
    assert_eq!(resolved.secrets, ["4"]);
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let (_dir, found) = references(&[], &[]);
    let error = found
        .unwrap()
        .resolve("connection `spotify`", &json!(["${env:A}", {"b": "${secret:B}"}]))
        .unwrap_err();
    insta::assert_snapshot!(error.to_text(), @"
    error[SG0701]: connection `spotify` needs a value for ${env:A}, ${secret:B}
      hint: set A, B in the environment or in .env beside segue.yaml; a secret may also be the file secrets/NAME
      more: segue explain SG0701
    ");
}

#[test]
fn a_secrets_name_cannot_leave_its_folder() {
    let (_dir, found) = references(&[], &[("segue.yaml", "x")]);
    assert!(found.unwrap().resolve("x", &json!("${secret:../segue.yaml}")).is_err());
}

#[test]
fn a_bad_line_of_dot_env_is_named_and_not_shown() {
    let (_dir, found) = references(&[], &[(".env", "A=1\nhunter2 is my password\n")]);
    let text = found.unwrap_err().to_text();
    assert!(text.contains("line 2 of .env") && !text.contains("hunter2"), "{text}");
}

#[test]
fn secrets_are_taken_out_of_texts() {
    assert_eq!(
        redact("token=hunter2 a", &["hunter2".into(), "a".into()]),
        "token=*** a"
    );
}

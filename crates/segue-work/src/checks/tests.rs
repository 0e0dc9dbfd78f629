use super::*;
use serde_json::json;

fn check(kind: CheckKind) -> Check {
    Check {
        name: "c".into(),
        kind,
        on_failure: OnFailure::Fail,
        scope: Scope::Table,
    }
}

fn sql(kind: CheckKind) -> String {
    offenders(&check(kind), &TableKey::new("raw", "tracks"))
}

fn of_changed(kind: CheckKind) -> String {
    offenders(
        &Check {
            scope: Scope::Changed,
            ..check(kind)
        },
        &TableKey::new("raw", "tracks"),
    )
}

#[test]
fn each_check_is_a_query_for_its_offenders() {
    insta::assert_snapshot!(sql(CheckKind::NotNull(vec!["id".into(), "name".into()])), @r#"select * from raw.tracks where "id" is null or "name" is null"#);
    insta::assert_snapshot!(sql(CheckKind::Between { column: "p".into(), min: Some(json!(0)), max: Some(json!(100)) }), @r#"select * from raw.tracks where "p" < 0 or "p" > 100"#);
    insta::assert_snapshot!(sql(CheckKind::Between { column: "p".into(), min: None, max: Some(json!("2024-01-01")) }), @r#"select * from raw.tracks where "p" > '2024-01-01'"#);
    insta::assert_snapshot!(sql(CheckKind::Accepted { column: "k".into(), values: vec![json!("it's"), json!("b")] }), @r#"select * from raw.tracks where "k" is not null and "k" not in ('it''s', 'b')"#);
    insta::assert_snapshot!(sql(CheckKind::Matches { column: "k".into(), pattern: "^a$".into() }), @r#"select * from raw.tracks where "k" is not null and not regexp_like("k", '^a$')"#);
    insta::assert_snapshot!(sql(CheckKind::Row("a < b -- always".into())), @r"
    select * from raw.tracks where not coalesce((a < b -- always
    ), true)
    ");
    insta::assert_snapshot!(sql(CheckKind::Unique(vec!["a".into(), "b".into()])), @r#"select "a", "b", count(*) as "rows" from raw.tracks t group by "a", "b" having count(*) > 1"#);
    insta::assert_snapshot!(sql(CheckKind::References { column: "artist_id".into(), table: "raw.artists".parse().unwrap(), to: "id".into() }), @r#"select * from raw.tracks t where t."artist_id" is not null and not exists (select 1 from raw.artists o where o."id" = t."artist_id")"#);
    insta::assert_snapshot!(sql(CheckKind::RowCount { min: Some(1), max: None }), @r#"select count(*) as "rows" from raw.tracks having count(*) < 1"#);
    insta::assert_snapshot!(sql(CheckKind::Sql("select 1 from raw.tracks".into())), @"select 1 from raw.tracks");
}

#[test]
fn a_check_of_what_changed_asks_the_commits_rows_and_keys() {
    insta::assert_snapshot!(of_changed(CheckKind::NotNull(vec!["id".into()])), @r#"select * from segue_work.changed where "id" is null"#);
    insta::assert_snapshot!(of_changed(CheckKind::Unique(vec!["id".into()])), @r#"select "id", count(*) as "rows" from raw.tracks t where exists (select 1 from segue_work.changed c where c."id" = t."id") group by "id" having count(*) > 1"#);
}

#[test]
fn set_aside_rows_know_the_first_check_that_they_offend() {
    let (a, b) = (
        check(CheckKind::NotNull(vec!["a".into()])),
        check(CheckKind::Row("b > 0".into())),
    );
    let table = TableKey::new("segue_work", "changed");
    insta::assert_snapshot!(bad_rows(&[&a, &b], &table), @r#"
    select *, case when "a" is null then 0 when not coalesce((b > 0
    ), true) then 1 end as _segue_check from segue_work.changed where (("a" is null) or (not coalesce((b > 0
    ), true)))
    "#);
    insta::assert_snapshot!(good_rows(&[&a], &table), @r#"select * from segue_work.changed where not coalesce((("a" is null)), false)"#);
}

#[test]
fn only_checks_of_the_table_as_a_whole_hold_back_a_steps_commits() {
    let count = CheckKind::RowCount {
        min: Some(1),
        max: None,
    };
    assert!(commit_once(&[check(count.clone())]));
    assert!(!commit_once(&[Check {
        on_failure: OnFailure::Warn,
        ..check(count)
    }]));
    assert!(!commit_once(&[
        check(CheckKind::Unique(vec!["a".into()])),
        check(CheckKind::NotNull(vec!["a".into()]))
    ]));
}

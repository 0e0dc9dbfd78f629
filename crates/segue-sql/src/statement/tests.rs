use super::*;

/// What a person would see.
fn said(sql: &str) -> String {
    match Statement::read(sql) {
        Ok(read) => format!("fine, takes {:?}", read.params.keys().collect::<Vec<_>>()),
        Err(error) => error.to_text(),
    }
}

fn code(sql: &str) -> &'static str {
    match Statement::read(sql) {
        Ok(_) => "fine",
        Err(error) => error.error_code().map_or("no code", |c| c.as_str()),
    }
}

#[test]
fn what_reads_is_taken() {
    for sql in [
        "select 1",
        "  ; select 1 ;",
        "with a as (select 1) select * from a",
        "(select 1) union all (select 2) order by 1 limit 1",
        "values (1), (2)",
        "explain select 1",
        "explain analyze verbose select 1",
        "-- a remark\nselect \"update\", \"set\" from raw.\"insert\"",
    ] {
        assert_eq!(code(sql), "fine", "{sql}");
    }
}

#[test]
fn what_changes_anything_is_refused_by_its_name() {
    for sql in [
        "insert into raw.a values (1)",
        "update raw.a set b = 1",
        "delete from raw.a",
        "merge into raw.a using raw.b on a.x = b.x when matched then delete",
        "create table raw.a as select 1",
        "create external table a stored as csv location '/etc/passwd'",
        "drop table raw.a",
        "copy raw.a to '/tmp/x.csv'",
        "copy (select 1) to '/tmp/x.csv' stored as csv",
        "set datafusion.execution.time_zone = 'UTC'",
        "reset all",
        "show tables",
        "describe raw.a",
        "truncate raw.a",
        "explain insert into raw.a values (1)",
        "explain analyze copy (select 1) to '/tmp/x'",
        "prepare p as select 1",
        "begin",
        "select 1 into raw.b",
        "select * from raw.a for update",
        "with gone as (delete from raw.a returning *) select * from gone",
        "with more as (insert into raw.a values (1) returning *) select * from more",
        "select (select 1 into raw.b)",
        "select 1; select 2",
        "select 1; drop table raw.a",
    ] {
        assert_eq!(code(sql), "SG0202", "{sql}: {}", said(sql));
    }
    insta::assert_snapshot!(said("/* new */ Insert into raw.a values (1)"), @r"
    error[SG0202]: `insert` is not a query: SQL only reads here
      at: line 1, column 11
      hint: write one SELECT statement; tables are changed by assets and `segue run`
      more: segue explain SG0202
    ");
}

#[test]
fn mistakes_have_a_place() {
    insta::assert_snapshot!(said("select a,\n  from raw.a wher x = 1"), @r"
    error[SG0201]: expected end of statement, found `x`
      at: line 2, column 19
      more: segue explain SG0201
    ");
    insta::assert_snapshot!(said("select 'open"), @r"
    error[SG0201]: unterminated string literal
      at: line 1, column 8
      more: segue explain SG0201
    ");
    insta::assert_snapshot!(said("select (1 + "), @r"
    error[SG0201]: the statement ends where an expression should be
      at: line 1, column 12
      more: segue explain SG0201
    ");
    assert_eq!(code(""), "SG0210");
    assert_eq!(code(" -- nothing\n;"), "SG0210");
}

#[test]
fn parameters_have_names() {
    insta::assert_snapshot!(said("select $from, $to, $name, $from, '$quoted'"), @r#"fine, takes ["from", "name", "to"]"#);
    assert_eq!(code("select $1"), "SG0201");
    assert_eq!(code("select ?"), "SG0201");
}

#[test]
fn a_deep_statement_is_refused_before_it_becomes_a_tree() {
    let repeat = |part: &str, times: usize| part.repeat(times);
    for (what, sql) in [
        (
            "brackets",
            format!("select {}1{}", repeat("(", 50_000), repeat(")", 50_000)),
        ),
        (
            "calls",
            format!("select {}1{}", repeat("abs(", 5_000), repeat(")", 5_000)),
        ),
        ("plus", format!("select 1{}", repeat("+1", 100_000))),
        ("or", format!("select 1 where 1=1{}", repeat(" or 1=1", 100_000))),
        ("not", format!("select {}true", repeat("not ", 50_000))),
        ("minus", format!("select {}1", repeat("- ", 50_000))),
        ("casts", format!("select 1{}", repeat("::int", 50_000))),
        (
            "case",
            format!(
                "select {}1{}",
                repeat("case when true then ", 5_000),
                repeat(" end", 5_000)
            ),
        ),
        ("union", format!("select 1{}", repeat(" union all select 1", 20_000))),
        (
            "join",
            format!("select 1 from raw.a{}", repeat(" cross join raw.a", 20_000)),
        ),
        ("commas", format!("select 1 from raw.a{}", repeat(", raw.a", 20_000))),
        (
            "subqueries",
            format!(
                "select * from {}select 1{}",
                repeat("(select * from ", 2_000),
                repeat(")", 2_000)
            ),
        ),
        ("elements", format!("select a{} from raw.a", repeat("[1]", 20_000))),
        ("is null", format!("select 1{}", repeat(" is null", 20_000))),
        ("at", format!("select x{}", repeat(" at time zone 'UTC'", 20_000))),
        (
            "exists",
            format!(
                "select 1 where {}select 1{}",
                repeat("exists (select 1 where ", 3_000),
                repeat(")", 3_000)
            ),
        ),
        (
            "brackets beside operators",
            format!("select {}1{}", repeat("(1+", 30_000), repeat(")", 30_000)),
        ),
        (
            "with",
            format!(
                "{}select 1{}",
                repeat("with a as (", 3_000),
                repeat(") select 1", 3_000)
            ),
        ),
        (
            "arrays",
            format!("select {}1{}", repeat("[", 50_000), repeat("]", 50_000)),
        ),
        ("long", format!("select '{}'", repeat("x", 5 << 20))),
    ] {
        // The tree, if there were one, would be dropped on this small stack.
        let read = std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || Statement::read(&sql).map(|_| ()).map_err(|e| e.error_code()))
            .unwrap()
            .join()
            .unwrap();
        assert_eq!(read, Err(Some(segue_diag::SQL_TOO_DEEP)), "{what}");
    }
}

#[test]
fn a_long_statement_that_is_not_deep_is_taken() {
    let list = (0..100_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(code(&format!("select * from raw.a where id in ({list})")), "fine");
    let cases = (0..3_000)
        .map(|n| format!(" when a = {n} and b <> 2 then {n} + 1"))
        .collect::<String>();
    assert_eq!(code(&format!("select case{cases} else 0 end from raw.a")), "fine");
    let columns = (0..2_000)
        .map(|n| format!("a + {n} as c{n}"))
        .collect::<Vec<_>>()
        .join(", ");
    assert_eq!(code(&format!("select {columns} from raw.a")), "fine");
    let conditions = (0..120)
        .map(|n| format!("a > {n} and b is not null"))
        .collect::<Vec<_>>()
        .join(" and ");
    assert_eq!(code(&format!("select * from raw.a where {conditions}")), "fine");
}

#[test]
fn a_statement_is_whole_at_a_semicolon_that_stands_in_nothing_else() {
    for whole in [
        "select 1;",
        "select ';' ;\n",
        "select 1; -- done",
        "select 1; /* done; */",
        "show tables;",
    ] {
        assert!(is_complete(whole), "{whole}");
    }
    for goes_on in [
        "",
        "select 1",
        "select 'a;",
        "select 'a;\n b",
        "select \"a;",
        "select 1 -- not yet;",
        "select 1 /* not yet;",
    ] {
        assert!(!is_complete(goes_on), "{goes_on}");
    }
}

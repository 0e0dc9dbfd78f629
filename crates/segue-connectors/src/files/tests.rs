//! CSV files as people write them.

mod changed;
mod conformance;
mod excel;
mod forms;
mod packed;
mod parquet;

use super::*;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use futures::StreamExt;
use segue_core::Clock;
use segue_core::source::{Column, OnChange, ReadSchema};
use segue_testkit::clock::ManualClock;
use segue_testkit::gate::MemoryGate;
use serde_json::{Value, json};

/// Reads these files (name and content) and says what came.
async fn read_files(
    files: &[(&str, &[u8])],
    copy: Value,
    columns: &[&str],
    change: impl FnOnce(&mut ReadRequest),
) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let deps = Deps {
        connection: "files".into(),
        gate: Arc::new(MemoryGate::new(clock.clone())),
        notes: Arc::new(segue_testkit::notes::MemoryNotes::new(clock.clone())),
        clock: clock.clone(),
        project_dir: folder.path().to_path_buf(),
        staging_dir: folder.path().to_path_buf(),
        tape: None,
    };
    let source = (CONNECTOR.source.unwrap())(ConnectionSettings::default(), deps).unwrap();
    let columns: Vec<Column> = columns
        .iter()
        .map(|c| {
            let (c, path) = c
                .split_once(" @ ")
                .map_or((*c, None), |(c, p)| (c, Some(p.to_string())));
            let (name, of) = c.split_once(' ').unwrap();
            Column {
                name: name.into(),
                of: of.trim_end_matches('!').parse().unwrap(),
                required: of.ends_with('!'),
                path,
                value: None,
            }
        })
        .collect();
    let declared = !columns.is_empty();
    let mut request = ReadRequest {
        schema: ReadSchema {
            columns: declared.then_some(columns),
            declared,
            ..ReadSchema::default()
        },
        ..ReadRequest::all_of(copy)
    };
    change(&mut request);
    let stream = match source.read(request, &Ctx::new("dev", clock)).await {
        Ok(stream) => stream,
        Err(error) => return shown(&error),
    };
    let reads: Vec<Result<Read>> = stream.collect().await;
    reads.iter().flat_map(lines).collect::<Vec<_>>().join("\n")
}

fn shown(error: &Error) -> String {
    let code = error.error_code().map(|c| format!("[{c}]")).unwrap_or_default();
    format!("error {}{code}: {}", error.kind(), error.message())
}

fn lines(read: &Result<Read>) -> Vec<String> {
    match read {
        Ok(Read::Rows { batch, .. }) => {
            let options = FormatOptions::new().with_null("-");
            let columns: Vec<_> = batch
                .columns()
                .iter()
                .map(|c| ArrayFormatter::try_new(c, &options).unwrap())
                .collect();
            let types: Vec<String> = batch
                .schema()
                .fields()
                .iter()
                .map(|f| format!("{} {}", f.name(), segue_core::Type::of(f).unwrap()))
                .collect();
            let row = |i| {
                columns
                    .iter()
                    .map(|c| c.value(i).to_string())
                    .collect::<Vec<_>>()
                    .join(" | ")
            };
            std::iter::once(format!("[{}]", types.join(", ")))
                .chain((0..batch.num_rows()).map(row))
                .collect()
        }
        Ok(Read::Rejected { rows, .. }) => rows
            .iter()
            .map(|r| {
                format!(
                    "rejected{}: {} <- {}",
                    r.path.as_deref().map(|p| format!(" at {p}")).unwrap_or_default(),
                    r.reason,
                    r.raw
                )
            })
            .collect(),
        Ok(Read::Done { .. }) => vec!["done".into()],
        Ok(Read::Note(note)) => vec![format!("note {note}")],
        Ok(other) => vec![format!("{other:?}")],
        Err(error) => vec![shown(error)],
    }
}

async fn read(content: &str, columns: &[&str]) -> String {
    read_files(
        &[("a.csv", content.as_bytes())],
        json!({ "path": "*.csv" }),
        columns,
        |_| {},
    )
    .await
}

#[tokio::test]
async fn a_file_as_spreadsheets_write_it() {
    let text = "\u{feff}name,note\r\n\"Abba, the\",\"said \"\"hi\"\"\r\nand went\"\r\n 에스파 ,\r\n";
    insta::assert_snapshot!(read(text, &["name string!", "note string"]).await.replace('\r', "\\r"), @r#"
    [name string, note string]
    Abba, the | said "hi"\r
    and went
     에스파  | -
    done
    "#);
}

#[tokio::test]
async fn ragged_rows_go_to_the_side_with_their_line() {
    let text = "a,b\n1,x\n2\n3,y,z\n\n\"4\n\",w\n5,v\nmany,u\n,t\n";
    insta::assert_snapshot!(read(text, &["a int32!", "b string"]).await, @r#"
    rejected: a.csv line 3: 1 fields where 2 belong <- 2
    rejected: a.csv line 4: 3 fields where 2 belong <- 3,y,z
    rejected at a: a.csv lines 6 to 7: expected int32, found "4\n" (not a number) <- "4
    ",w
    rejected at a: a.csv line 9: expected int32, found "many" (not a number) <- many,u
    rejected at a: a.csv line 10: required, and it is empty <- ,t
    [a int32, b string]
    1 | x
    5 | v
    note 1 empty lines of a.csv were passed over
    done
    "#);
}

#[tokio::test]
async fn bytes_that_are_no_text_go_to_the_side() {
    let text = read_files(
        &[("a.csv", b"a,b\n1,\xff\n2,ok\n")],
        json!({ "path": "a.csv" }),
        &["a int32", "b string"],
        |_| {},
    )
    .await;
    insta::assert_snapshot!(text, @r"
    rejected at b: a.csv line 2: not UTF-8 <- 1,�
    [a int32, b string]
    2 | ok
    done
    ");
}

#[tokio::test]
async fn types_are_found_out() {
    let text = "id,Share,on,day,at,code,none\n1,0.5,true,2024-01-01,2024-01-01T00:00:00Z,007,\n2,1,false,2024-01-02,2024-01-01T00:00:00+09:00,8,\n";
    insta::assert_snapshot!(read(text, &[]).await, @r"
    [id int64, share float64, on bool, day date, at timestamp, code string, none string]
    1 | 0.5 | true | 2024-01-01 | 2024-01-01T00:00:00Z | 007 | -
    2 | 1.0 | false | 2024-01-02 | 2023-12-31T15:00:00Z | 8 | -
    done
    ");
}

#[tokio::test]
async fn columns_go_by_name_or_by_order() {
    let swapped = [
        ("d/1.csv", &b"a,b\n1,x\n"[..]),
        ("d/2.csv", b"extra,b,a\n?,y,2\n"),
        ("d/e/3.csv", b"a,b\n3,z\n"),
        ("d/.hidden.csv", b"no\n"),
    ];
    insta::assert_snapshot!(read_files(&swapped, json!({ "path": "d/**/*.csv" }), &["n int32 @ a", "b string"], |_| {}).await, @r"
    [n int32, b string]
    1 | x
    [n int32, b string]
    2 | y
    [n int32, b string]
    3 | z
    done
    ");
    let bare = [("a.tsv", &b"1;'x;y'\n2;z\n"[..])];
    let copy = json!({ "path": "a.tsv", "header": false, "delimiter": ";", "quote": "'" });
    insta::assert_snapshot!(read_files(&bare, copy.clone(), &["a int32", "b string"], |_| {}).await, @r"
    [a int32, b string]
    1 | x;y
    2 | z
    done
    ");
    insta::assert_snapshot!(read_files(&bare, copy, &[], |_| {}).await, @r"
    [column_1 int64, column_2 string]
    1 | x;y
    2 | z
    done
    ");
}

#[tokio::test]
async fn a_header_that_cannot_be_used_is_said() {
    let mut all = Vec::new();
    for text in ["a,a\n1,2\n", "", "a,c\n1,2\n", "nme,b\n"] {
        all.push(read(text, &["a int32", "b string"]).await);
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    error bad_data[SG0307]: the file a.csv names "a" twice
    error bad_data[SG0307]: the file a.csv is empty, and a header was expected
    error bad_data[SG0307]: the file a.csv lacks the column "b"
    error bad_data[SG0307]: the file a.csv lacks the column "a"
    "#);
}

#[tokio::test]
async fn paths_stay_in_the_project_and_must_fit_something() {
    let files = [("a.csv", &b"a\n"[..])];
    let mut all = Vec::new();
    for path in ["b.csv", "../a.csv", "/etc/passwd", "[", "x/../a.csv"] {
        all.push(read_files(&files, json!({ "path": path }), &["a int32"], |_| {}).await);
    }
    all.push(
        read_files(
            &files,
            json!({ "path": "a.csv", "delimiter": "ab" }),
            &["a int32"],
            |_| {},
        )
        .await,
    );
    all.push(read_files(&files, json!({ "path": "a.csv" }), &["a int32"], |_| {}).await);
    insta::assert_snapshot!(all.join("\n"), @r"
    error not_found[SG0306]: no file fits `b.csv`
    error invalid: `../a.csv` is no path to files
    error invalid: `/etc/passwd` is no path to files
    error invalid: `[` is no path to files
    error invalid: `x/../a.csv` is no path to files
    error invalid: `delimiter` is one character of ASCII
    done
    ");
}

#[tokio::test]
async fn a_quote_that_is_never_closed_does_not_take_the_memory() {
    let mut text = b"a,b\n1,x\n2,\"".to_vec();
    text.extend(std::iter::repeat_n(b'y', 20 << 20));
    let text = read_files(
        &[("a.csv", &text)],
        json!({ "path": "a.csv" }),
        &["a int32", "b string"],
        |_| {},
    )
    .await;
    insta::assert_snapshot!(text, @"error bad_data[SG0309]: the quote that is opened in line 3 of a.csv is not closed within 16 MiB");
}

#[tokio::test]
async fn many_rows_come_in_batches_and_a_preview_ends_early() {
    let text: String = std::iter::once("a\n".to_string())
        .chain((0..20_000).map(|i| format!("{i}\n")))
        .collect();
    let all = read_files(
        &[("a.csv", text.as_bytes())],
        json!({ "path": "a.csv" }),
        &["a int64"],
        |_| {},
    )
    .await;
    assert_eq!(all.lines().filter(|l| l.starts_with('[')).count(), 3);
    assert_eq!(all.lines().count(), 3 + 20_000 + 1);
    let few = read_files(
        &[("a.csv", text.as_bytes())],
        json!({ "path": "a.csv" }),
        &["a int64"],
        |r| r.limit = Some(2),
    )
    .await;
    assert_eq!(few, "[a int64]\n0\n1");
}

#[tokio::test]
async fn a_quote_that_is_never_closed_fails_with_its_line() {
    insta::assert_snapshot!(read("a,b\n1,\"open\n2,3\n4,5\n", &["a int32", "b string"]).await, @"error bad_data[SG0309]: the quote that is opened in line 2 of a.csv is never closed");
    insta::assert_snapshot!(read("a,b\n1,\"open\n2,3\n4,5\n", &[]).await, @"error bad_data[SG0309]: the quote that is opened in line 2 of a.csv is never closed");
    insta::assert_snapshot!(read("a,b\n1,x\"y\"z\n2,\"a\"b\n3,\" q \"\n", &["a int32", "b string"]).await, @r#"
    rejected: a.csv line 3: text after a closing quote <- 2,"a"b
    [a int32, b string]
    1 | x"y"z
    3 |  q 
    done
    "#);
}

#[tokio::test]
async fn an_empty_text_is_not_null() {
    let text = "s,n\n\"\",\"\"\n,\nx,1\n";
    insta::assert_snapshot!(read(text, &["s string", "n int32"]).await, @r"
    [s string, n int32]
     | -
    - | -
    x | 1
    done
    ");
    insta::assert_snapshot!(read(text, &["s string!", "n int32"]).await, @r"
    rejected at s: a.csv line 3: required, and it is empty <- ,
    [s string, n int32]
     | -
    x | 1
    done
    ");
}

/// Reads again into the columns that were found out before, as the table tells them.
async fn again(files: &[(&str, &[u8])], on: OnChange, columns: &[&str]) -> String {
    let change = |request: &mut ReadRequest| {
        request.schema.declared = false;
        (request.schema.on_new_column, request.schema.on_type_change) = (on, on);
    };
    read_files(files, json!({ "path": "*.csv" }), columns, change).await
}

#[tokio::test]
async fn several_files_make_one_table_run_after_run() {
    let files = [("f.csv", &b"a,b\n1,2\n"[..]), ("g.csv", b"a,b,c\n3,4,x\n5,6,\n")];
    let mut all = Vec::new();
    for on in [
        OnChange::Evolve,
        OnChange::Quarantine,
        OnChange::DropValue,
        OnChange::Freeze,
    ] {
        all.push(format!("# {on:?}\n{}", again(&files, on, &[]).await));
    }
    all.push(format!(
        "# Evolve, later\n{}",
        again(&files, OnChange::Evolve, &["a int64", "b int64", "c string"]).await
    ));
    all.push(format!(
        "# Quarantine, later\n{}",
        again(&files, OnChange::Quarantine, &["a int64", "b int64", "c string"]).await
    ));
    all.push(format!(
        "# another file altogether\n{}",
        again(&[("f.csv", b"x;y\n1;2\n")], OnChange::Evolve, &["a int64"]).await
    ));
    insta::assert_snapshot!(all.join("\n"), @r#"
    # Evolve
    [a int64, b int64]
    1 | 2
    [a int64, b int64, c string]
    3 | 4 | x
    5 | 6 | -
    done
    # Quarantine
    [a int64, b int64]
    1 | 2
    rejected at c: g.csv line 2: a column that the table does not have <- 3,4,x
    [a int64, b int64]
    5 | 6
    done
    # DropValue
    [a int64, b int64]
    1 | 2
    note columns of g.csv were left out, as `drop_value` says: c
    [a int64, b int64]
    3 | 4
    5 | 6
    done
    # Freeze
    [a int64, b int64]
    1 | 2
    error bad_data[SG0303]: the file g.csv has a column that the table does not, and the schema is frozen: `c`
    # Evolve, later
    note f.csv lacks columns of the table, which are empty there: c
    [a int64, b int64, c string]
    1 | 2 | -
    [a int64, b int64, c string]
    3 | 4 | x
    5 | 6 | -
    done
    # Quarantine, later
    error bad_data[SG0307]: the file f.csv lacks the column "c"
    # another file altogether
    note columns of f.csv got names that SQL takes: "x;y" is x_y
    error bad_data[SG0307]: the file f.csv lacks the column "a"
    "#);
}

#[tokio::test]
async fn types_widen_where_nothing_is_lost() {
    let files = [(
        "f.csv",
        &b"a,b\n1,1\n2.5,2\n-30.25,x\n9223372036854775808,3\n1e3,4\n5,5\n"[..],
    )];
    insta::assert_snapshot!(again(&files, OnChange::Evolve, &["a int64", "b int64"]).await, @r#"
    [a int64, b int64]
    1 | 1
    [a decimal(20,1), b int64]
    2.5 | 2
    rejected at b: f.csv line 4: expected int64, found "x" (not a number) <- -30.25,x
    [a decimal(21,2), b int64]
    9223372036854775808.00 | 3
    1000.00 | 4
    5.00 | 5
    done
    "#);
    insta::assert_snapshot!(again(&files, OnChange::Freeze, &["a int64", "b int64"]).await, @r#"error bad_data[SG0303]: line 3 of f.csv has another type, and the schema is frozen: column `a`: expected int64, found "2.5" (not a whole number)"#);
}

#[tokio::test]
async fn names_that_are_none_are_said_and_known_again() {
    let file = |header: &str| format!("{header}\n1,2\n").into_bytes();
    let mut all = Vec::new();
    for header in ["First Name,x-y", "A,a", "한글,이름", "Id,N"] {
        all.push(format!(
            "# {header}\n{}",
            again(&[("f.csv", &file(header))], OnChange::Quarantine, &[]).await
        ));
    }
    let known = ["first_name int64", "x_y int64"];
    all.push(again(&[("f.csv", &file("First Name,x-y"))], OnChange::Quarantine, &known).await);
    insta::assert_snapshot!(all.join("\n"), @r#"
    # First Name,x-y
    note columns of f.csv got names that SQL takes: "First Name" is first_name, "x-y" is x_y
    [first_name int64, x_y int64]
    1 | 2
    done
    # A,a
    error bad_data[SG0307]: the file f.csv names "A" and "a", and both would be the column `a`
    # 한글,이름
    error bad_data[SG0307]: the file f.csv names "한글" and "이름", and both would be the column `__`
    # Id,N
    [id int64, n int64]
    1 | 2
    done
    [first_name int64, x_y int64]
    1 | 2
    done
    "#);
}

#[tokio::test]
async fn when_all_rows_are_set_aside_it_is_said() {
    insta::assert_snapshot!(again(&[("f.csv", b"a\nx\ny\n")], OnChange::Quarantine, &["a int64"]).await, @r#"
    rejected at a: f.csv line 2: expected int64, found "x" (not a number) <- x
    rejected at a: f.csv line 3: expected int64, found "y" (not a number) <- y
    note all rows were set aside: f.csv line 2: expected int64, found "x" (not a number) (column `a`)
    done
    "#);
    insta::assert_snapshot!(again(&[("f.csv", b"a,b\n1,2\n")], OnChange::Quarantine, &["a int64"]).await, @r"
    rejected at b: f.csv line 2: a column that the table does not have <- 1,2
    note the only row was set aside: f.csv line 2: a column that the table does not have (column `b`)
    done
    ");
}

#[tokio::test]
async fn many_columns_are_read_and_too_many_are_not() {
    let line = |name: &str| (0..9_000).map(|i| format!("{name}{i}")).collect::<Vec<_>>().join(",");
    let text = format!("{}\n{}\n", line("c"), line("1"));
    let all = read(&text, &[]).await;
    assert!(all.ends_with("18999\ndone"), "{}", &all[all.len() - 200..]);
    let text = format!("{},{}\n", line("c"), line("d"));
    insta::assert_snapshot!(read(&text, &[]).await, @"error bad_data[SG0307]: the file a.csv has 18000 columns, and no more than 10000 are found out");
}

#[cfg(unix)]
#[tokio::test]
async fn links_lead_to_no_file_twice_and_to_none_silently() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("d/sub.csv")).unwrap();
    std::fs::write(at("d/a.csv"), "a\n").unwrap();
    std::fs::write(at("d/sub.csv/x.csv"), "a\n").unwrap();
    symlink("..", at("d/loop")).unwrap();
    symlink("a.csv", at("d/same.csv")).unwrap();
    let place = local::Folder(folder.path().to_path_buf());
    let ctx = Ctx::new("dev", Arc::new(ManualClock::default()));
    let said = async |text: &str| {
        let listed = match Pattern::parse(text) {
            Ok(pattern) => place.list(&pattern, &ctx).await,
            Err(error) => Err(error),
        };
        match listed {
            Ok(files) => files.iter().map(|f| f.path.as_str()).collect::<Vec<_>>().join(" "),
            Err(error) => shown(&error),
        }
    };
    assert_eq!(said("d/**/*.csv").await, "d/a.csv d/sub.csv/x.csv");
    assert_eq!(said("**").await, "d/a.csv d/sub.csv/x.csv");
    assert_eq!(said("./d//*").await, "d/a.csv");
    assert_eq!(
        said("d/loop/d/a.csv").await,
        "d/loop/d/a.csv",
        "a link that the path names is followed"
    );
    symlink("nowhere", at("d/gone.csv")).unwrap();
    insta::assert_snapshot!(said("d/*.csv").await, @"error not_found: d/gone.csv fits the path and cannot be read");
    insta::assert_snapshot!(said("d/gone.csv").await, @"error not_found: d/gone.csv fits the path and cannot be read");
    assert_eq!(said("d/a*.csv").await, "d/a.csv", "what does not fit may be as it is");
    insta::assert_snapshot!(said("d/**b").await, @"error invalid: `d/**b` is no path to files");
    insta::assert_snapshot!(said("d/[.csv").await, @"error invalid: `d/[.csv` is no path to files");
}

#[tokio::test]
async fn what_was_found_out_once_answers_to_changes() {
    let mut all = Vec::new();
    for on in [
        OnChange::Evolve,
        OnChange::Freeze,
        OnChange::Quarantine,
        OnChange::DropValue,
    ] {
        let change = |request: &mut ReadRequest| {
            request.schema.declared = false;
            (request.schema.on_new_column, request.schema.on_type_change) = (on, on);
        };
        let files = [("a.csv", &b"a,new\n1,x\nmany,y\n"[..])];
        all.push(format!(
            "# {on:?}\n{}",
            read_files(&files, json!({ "path": "a.csv" }), &["a int64"], change).await
        ));
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    # Evolve
    rejected at a: a.csv line 3: expected int64, found "many" (not a number) <- many,y
    [a int64, new string]
    1 | x
    done
    # Freeze
    error bad_data[SG0303]: the file a.csv has a column that the table does not, and the schema is frozen: `new`
    # Quarantine
    rejected at new: a.csv line 2: a column that the table does not have <- 1,x
    rejected at new: a.csv line 3: a column that the table does not have <- many,y
    note all rows were set aside: a.csv line 2: a column that the table does not have (column `new`)
    done
    # DropValue
    note columns of a.csv were left out, as `drop_value` says: new
    [a int64]
    1
    -
    note 1 values of a.csv were left out, as `drop_value` says
    done
    "#);
}

#[tokio::test]
async fn declared_columns_answer_to_another_type() {
    let mut all = Vec::new();
    for on in [OnChange::Freeze, OnChange::Quarantine, OnChange::DropValue] {
        let files = [("a.csv", &b"a,b\n1,x\nmany,y\n"[..])];
        let change = |request: &mut ReadRequest| request.schema.on_type_change = on;
        let columns = ["a int64", "b string"];
        all.push(format!(
            "# {on:?}\n{}",
            read_files(&files, json!({ "path": "a.csv" }), &columns, change).await
        ));
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    # Freeze
    error bad_data[SG0303]: line 3 of a.csv has another type, and the schema is frozen: column `a`: expected int64, found "many" (not a number)
    # Quarantine
    rejected at a: a.csv line 3: expected int64, found "many" (not a number) <- many,y
    [a int64, b string]
    1 | x
    done
    # DropValue
    [a int64, b string]
    1 | x
    - | y
    note 1 values of a.csv were left out, as `drop_value` says
    done
    "#);
}

#[tokio::test]
async fn a_declared_column_without_a_type_gets_the_one_that_is_found() {
    let files = [
        ("a.csv", &b"id,n,at\n"[..]),
        ("b.csv", &b"at,n,id\n2024-01-02,1.5,1\n,2,2\n"[..]),
        ("c.csv", &b"id,n,at\n3,x,2024-01-03\n"[..]),
    ];
    let change = |request: &mut ReadRequest| request.schema.untyped = vec!["n".into(), "at".into()];
    let columns = ["n json", "at json", "id string"];
    insta::assert_snapshot!(read_files(&files, json!({ "path": "*.csv" }), &columns, change).await, @r#"
    [n float64, at date, id string]
    1.5 | 2024-01-02 | 1
    2.0 | - | 2
    rejected at n: c.csv line 2: expected float64, found "x" (not a number) <- 3,x,2024-01-03
    done
    "#);
}

#[tokio::test]
async fn empty_lines_are_counted() {
    insta::assert_snapshot!(read("a\n1\n\n\r\n2\n\n", &["a int64"]).await, @r#"
    [a int64]
    1
    2
    note 2 empty lines of a.csv were passed over; one that is an empty value is written ""
    done
    "#);
    insta::assert_snapshot!(read("\na,b\r\n1,2\r\n\r\n3,4\r\n\r\n", &["a int64", "b int64"]).await, @r"
    [a int64, b int64]
    1 | 2
    3 | 4
    note 2 empty lines of a.csv were passed over
    done
    ");
}

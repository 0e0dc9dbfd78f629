//! CSV files as people write them.

use super::*;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use segue_core::source::{Column, OnChange, ReadSchema};
use segue_core::{Clock, Slice};
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
        clock: clock.clone(),
        project_dir: folder.path().to_path_buf(),
        staging_dir: folder.path().to_path_buf(),
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
        copy,
        schema: ReadSchema {
            columns: declared.then_some(columns),
            declared,
            on_new_column: OnChange::Evolve,
            on_type_change: OnChange::Evolve,
        },
        slices: vec![Slice::whole()],
        batch: None,
        slice_columns: Vec::new(),
        range: None,
        from: None,
        limit: None,
        keep_pages: false,
        replay: None,
        params: serde_json::Map::new(),
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
    rejected at a: a.csv line 6: expected int32, found "4\n" (not a number) <- 4
    ,w
    rejected at a: a.csv line 9: expected int32, found "many" (not a number) <- many,u
    rejected at a: a.csv line 10: required, and it is empty <- ,t
    [a int32, b string]
    1 | x
    5 | v
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
    insta::assert_snapshot!(text, @"error bad_data: cannot read on in a.csv");
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

//! Spreadsheets.

use super::*;
use crate::files::excel::tests::{ods, row, xlsx};

async fn read_book(name: &str, book: &[u8], copy: Value, columns: &[&str]) -> String {
    let mut all = json!({ "path": "*" });
    all.as_object_mut().unwrap().extend(copy.as_object().unwrap().clone());
    read_files(&[(name, book)], all, columns, |_| {}).await
}

fn orders() -> String {
    [
        row(1, &["s:id", "s:name", "s:day", "s:at", "s:paid", "s:amount"]),
        row(2, &["n:1", "s:에스파", "1:45351", "2:45351.75", "b:1", "n:0.5"]),
        row(3, &["n:2", "", "1:45352", "2:45352", "b:0", "n:12"]),
        row(5, &["n:3", "s:C", "e:#N/A", "2:45353.5", "b:1", "n:1"]),
        row(6, &["s:four", "s:D", "1:45354", "2:45354", "b:0", "n:1"]),
        row(7, &["n:5", "s:E", "1:45355.25", "2:45354", "b:0", "n:1", "s:beside"]),
    ]
    .concat()
}

#[tokio::test]
async fn a_sheet_is_a_table_and_errors_have_their_cell() {
    let book = xlsx(&[("hidden", true, &row(1, &["s:x"])), ("Orders", false, &orders())]);
    let columns = [
        "id int32!",
        "name string",
        "day date",
        "at local_timestamp",
        "paid bool",
        "amount decimal(10,2)",
    ];
    insta::assert_snapshot!(read_book("a.xlsx", &book, json!({}), &columns).await, @r#"
    rejected at day: a.xlsx cell C5: the error #N/A <- 3	C	the error #N/A	2024-03-02T12:00:00	true	1
    rejected at id: a.xlsx cell A6: expected int32, found "four" (not a number) <- four	D	2024-03-03	2024-03-03	false	1
    rejected: a.xlsx row 7: a value in cell G7, beside the columns A to F <- 5	E	2024-03-04T06:00:00	2024-03-03	false	1
    [id int32, name string, day date, at local_timestamp, paid bool, amount decimal(10,2)]
    1 | 에스파 | 2024-02-29 | 2024-02-29T18:00:00 | true | 0.50
    2 | - | 2024-03-01 | 2024-03-01T00:00:00 | false | 12.00
    note 1 empty lines of a.xlsx were passed over
    done
    "#);
}

#[tokio::test]
async fn types_are_found_out_from_cells() {
    let rows = [
        row(1, &["s:Id", "s:share", "s:day", "s:at", "s:clock", "s:mixed"]),
        row(2, &["n:1", "n:1", "1:45351", "2:45351", "3:0.25", "n:1"]),
        row(3, &["n:2", "n:0.5", "1:45352", "2:45352.5", "3:0.5", "s:x"]),
    ];
    let found = read_book("a.xlsx", &xlsx(&[("One", false, &rows.concat())]), json!({}), &[]).await;
    assert_eq!(
        found.lines().next(),
        Some("[id int64, share float64, day date, at local_timestamp, clock time, mixed string]"),
        "{found}"
    );
    assert!(
        found.ends_with("\ndone") && found.contains("2 | 0.5 | 2024-03-01 | 2024-03-01T12:00:00"),
        "{found}"
    );
}

#[tokio::test]
async fn sheets_and_ranges_are_chosen() {
    let titled = [
        row(1, &["s:Report 2024"]),
        row(3, &["", "s:id", "s:n"]),
        row(4, &["s:note", "n:1", "n:10"]),
        row(5, &["", "n:2", "n:20"]),
        row(6, &["", "s:total", "n:30"]),
    ];
    let book = xlsx(&[
        ("First", false, &row(1, &["s:id", "s:n"])),
        ("Second", false, &titled.concat()),
    ]);
    let columns = ["id int32", "n int32"];
    let mut all = Vec::new();
    for copy in [
        json!({ "sheet": "Second", "range": "B3:C5" }),
        json!({ "sheet": 2, "range": "B4:C5", "header": false }),
        json!({ "sheet": 2, "range": "B3" }),
        json!({}),
        json!({ "sheet": "Third" }),
        json!({ "sheet": 3 }),
        json!({ "sheet": 0 }),
        json!({ "range": "3:5" }),
        json!({ "sheet": 2 }),
    ] {
        all.push(
            read_book("a.xlsx", &book, copy, &columns)
                .await
                .lines()
                .last()
                .unwrap()
                .to_string(),
        );
    }
    assert_eq!(
        all,
        [
            "done",
            "done",
            "done",
            "done",
            "error bad_data[SG0317]: the file a.xlsx has no sheet `Third`",
            "error bad_data[SG0317]: the file a.xlsx has no sheet of the number 3",
            "error bad_data[SG0317]: the file a.xlsx has no sheet of the number 0",
            "error invalid[SG0317]: `3:5` is no range of cells",
            "error bad_data[SG0307]: the file a.xlsx lacks the column \"id\"",
        ]
    );
    let both = "[id int32, n int32]\n1 | 10\n2 | 20\ndone";
    for copy in [
        json!({ "sheet": "Second", "range": "B3:C5" }),
        json!({ "sheet": 2, "range": "B4:C5", "header": false }),
    ] {
        assert_eq!(read_book("a.xlsx", &book, copy, &columns).await, both);
    }
    let open = read_book("a.xlsx", &book, json!({ "sheet": 2, "range": "B3" }), &columns).await;
    assert!(
        open.contains("a.xlsx cell B6: expected int32, found \"total\""),
        "{open}"
    );
}

#[tokio::test]
async fn an_open_document_is_read_too() {
    let cell = |of: &str, value: &str, text: &str| {
        format!("<table:table-cell office:value-type=\"{of}\" {value}><text:p>{text}</text:p></table:table-cell>")
    };
    let rows = [
        format!("<table:table-row>{}{}{}</table:table-row>", cell("string", "", "id"), cell("string", "", "day"), cell("string", "", "at")),
        format!(
            "<table:table-row>{}{}{}<table:table-cell table:number-columns-repeated=\"16381\"/></table:table-row>",
            cell("float", "office:value=\"1\"", "1"),
            cell("date", "office:date-value=\"2024-02-29\"", "x"),
            cell("time", "office:time-value=\"PT06H05M04S\"", "x")
        ),
        "<table:table-row table:number-rows-repeated=\"1048574\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>".to_string(),
    ];
    let columns = ["id int32", "day date", "at time"];
    let said = read_book("a.ods", &ods(&rows.concat()), json!({}), &columns).await;
    assert_eq!(
        said,
        "[id int32, day date, at time]\n1 | 2024-02-29 | 21904000000\ndone"
    );
    // A few letters that stand for two thousand million cells.
    let bomb = format!(
        "<table:table-row table:number-rows-repeated=\"1000000\"><table:table-cell table:number-columns-repeated=\"2000\"/>{}</table:table-row>",
        cell("float", "office:value=\"1\"", "1")
    );
    let said = read_book("a.ods", &ods(&bomb), json!({}), &columns).await;
    assert_eq!(
        said,
        "error bad_data[SG0318]: a sheet of the file a.ods is larger than is read at once"
    );
}

#[tokio::test]
async fn what_is_no_spreadsheet_is_said() {
    let book = xlsx(&[("One", false, &orders())]);
    let mut all = Vec::new();
    for (name, bytes) in [
        ("a.xlsx", &b"id,name\n1,x\n"[..]),
        ("a.xlsx", b""),
        ("a.xlsx", &book[..book.len() / 2]),
        ("a.xls", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 and nothing else"),
        ("a.xlsx", &segue_testkit::packed::zip(&[("a.txt", b"x")], true)),
    ] {
        let said = read_book(name, bytes, json!({}), &["id int32"]).await;
        all.push(
            said.split_inclusive("spreadsheet")
                .next()
                .unwrap_or_default()
                .to_string(),
        );
    }
    assert_eq!(
        all,
        [
            "error bad_data[SG0311]: the file a.xlsx is no spreadsheet",
            "error bad_data[SG0311]: the file a.xlsx is no spreadsheet",
            "error bad_data[SG0312]: the packed file a.xlsx was cut off",
            "error bad_data[SG0311]: the file a.xls cannot be read as a spreadsheet",
            "error bad_data[SG0311]: the file a.xlsx is no spreadsheet",
        ]
    );
    let bomb = xlsx(&[(
        "One",
        false,
        &format!(
            "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>{}</t></is></c></row>",
            "x".repeat(2 << 20)
        ),
    )]);
    let said = read_book("a.xlsx", &bomb, json!({ "max_size": "1MiB" }), &["id int32"]).await;
    assert_eq!(
        said,
        "error bad_data[SG0312]: the file a.xlsx is larger, unpacked, than is read"
    );
    let far = xlsx(&[("One", false, "<row r=\"1\"><c r=\"ZZZ1\"><v>1</v></c></row>")]);
    let said = read_book("a.xlsx", &far, json!({}), &["id int32"]).await;
    assert!(said.starts_with("error bad_data[SG0311]"), "{said}");
    let empty = xlsx(&[("One", false, "")]);
    let said = read_book("a.xlsx", &empty, json!({}), &["id int32"]).await;
    assert_eq!(
        said,
        "error bad_data[SG0307]: the file a.xlsx is empty, and a header was expected"
    );
}

use super::*;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array,
    ListArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow_schema::{Field, Schema};
use segue_core::Type;
use std::sync::Arc;

fn answer(batches: Vec<RecordBatch>) -> Answer {
    Answer {
        schema: batches[0].schema(),
        rows: futures::stream::iter(batches.into_iter().map(Ok)).boxed(),
    }
}

async fn written(form: Form, batch: RecordBatch) -> String {
    let mut out = Vec::new();
    write(form, answer(vec![batch]), &mut out, &Options::default())
        .await
        .unwrap();
    String::from_utf8(out).unwrap()
}

/// One row with a value of every type, and one of nulls.
fn everything() -> RecordBatch {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None, Some(3)]), None]);
    let vector = ListArray::from_iter_primitive::<Float64Type, _, _>(vec![Some(vec![Some(0.5), Some(f64::NAN)]), None]);
    let inner: ArrayRef = Arc::new(StringArray::from(vec![Some("x\"y"), None]));
    let nested = StructArray::from(vec![(
        Arc::new(Field::new("a b", arrow_schema::DataType::Utf8, true)),
        inner,
    )]);
    let typed = |of: Type, name: &str, values: ArrayRef| (of.field(name, true), values);
    let instant = 1_706_704_200_500_000;
    let columns: Vec<(Field, ArrayRef)> = vec![
        typed(Type::Bool, "bool", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        typed(
            Type::Int64,
            "int64",
            Arc::new(Int64Array::from(vec![Some(i64::MIN), None])),
        ),
        typed(
            Type::UInt64,
            "uint64",
            Arc::new(
                Decimal128Array::from(vec![Some(u64::MAX.into()), None])
                    .with_precision_and_scale(20, 0)
                    .unwrap(),
            ),
        ),
        typed(
            Type::Float32,
            "float32",
            Arc::new(Float32Array::from(vec![Some(0.1), None])),
        ),
        typed(
            Type::Float64,
            "float64",
            Arc::new(Float64Array::from(vec![Some(1e300), None])),
        ),
        typed(
            Type::Decimal(10, 2),
            "decimal",
            Arc::new(
                Decimal128Array::from(vec![Some(-1_250), None])
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            ),
        ),
        typed(
            Type::String,
            "string",
            Arc::new(StringArray::from(vec![Some("a,\"b\"\nc"), None])),
        ),
        typed(
            Type::Binary,
            "binary",
            Arc::new(BinaryArray::from(vec![Some(b"\x00\xff".as_slice()), None])),
        ),
        typed(Type::Date, "date", Arc::new(Date32Array::from(vec![Some(-1), None]))),
        typed(
            Type::Time,
            "time",
            Arc::new(Int64Array::from(vec![Some(45_000_500_000), None])),
        ),
        typed(
            Type::Timestamp,
            "timestamp",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(instant), None]).with_timezone("UTC")),
        ),
        typed(
            Type::LocalTimestamp,
            "local",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(instant), None])),
        ),
        typed(
            Type::Json,
            "json",
            Arc::new(StringArray::from(vec![Some("{\"a\": \"b c\",\n \"n\": 1.50}"), None])),
        ),
        (Field::new("list", list.data_type().clone(), true), Arc::new(list)),
        (Field::new("vector", vector.data_type().clone(), true), Arc::new(vector)),
        (Field::new("struct", nested.data_type().clone(), true), Arc::new(nested)),
        typed(Type::Int64, "int64", Arc::new(Int64Array::from(vec![Some(7), None]))),
    ];
    use arrow_array::Array;
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

#[tokio::test]
async fn json_lines_keep_every_value() {
    insta::assert_snapshot!(written(Form::JsonLines, everything()).await, @r#"
    {"bool":true,"int64":-9223372036854775808,"uint64":"18446744073709551615","float32":0.1,"float64":1e300,"decimal":"-12.50","string":"a,\"b\"\nc","binary":"AP8=","date":"1969-12-31","time":"12:30:00.5","timestamp":"2024-01-31T12:30:00.5Z","local":"2024-01-31T12:30:00.5","json":{"a":"b c","n":1.50},"list":[1,null,3],"vector":[0.5,"NaN"],"struct":{"a b":"x\"y"},"int64_2":7}
    {"bool":null,"int64":null,"uint64":null,"float32":null,"float64":null,"decimal":null,"string":null,"binary":null,"date":null,"time":null,"timestamp":null,"local":null,"json":null,"list":null,"vector":null,"struct":{"a b":null},"int64_2":null}
    "#);
}

#[tokio::test]
async fn every_json_line_is_json() {
    for line in written(Form::JsonLines, everything()).await.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value.as_object().unwrap().len(), 17);
    }
}

#[tokio::test]
async fn csv_quotes_what_needs_it_and_tells_null_from_empty() {
    let text = written(Form::Csv, everything()).await;
    insta::assert_snapshot!(text.replace("\r\n", "<end>\n"), @r#"
    bool,int64,uint64,float32,float64,decimal,string,binary,date,time,timestamp,local,json,list,vector,struct,int64<end>
    true,-9223372036854775808,18446744073709551615,0.1,1e300,-12.50,"a,""b""
    c",AP8=,1969-12-31,12:30:00.5,2024-01-31T12:30:00.5Z,2024-01-31T12:30:00.5,"{""a"": ""b c"",
     ""n"": 1.50}","[1,null,3]","[0.5,""NaN""]","{""a b"":""x\""y""}",7<end>
    ,,,,,,,,,,,,,,,"{""a b"":null}",<end>
    "#);
    let words = StringArray::from(vec![Some(""), None, Some(" x ")]);
    let number: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let two = RecordBatch::try_from_iter([("w", Arc::new(words.clone()) as ArrayRef), ("n", number)]).unwrap();
    assert_eq!(written(Form::Csv, two).await, "w,n\r\n\"\",1\r\n,2\r\n\" x \",3\r\n");
    let one = RecordBatch::try_from_iter([("w", Arc::new(words) as ArrayRef)]).unwrap();
    assert_eq!(written(Form::Csv, one).await, "w\r\n\"\"\r\n\"\"\r\n\" x \"\r\n");
}

#[tokio::test]
async fn tables_line_up_whatever_the_letters_are() {
    let names: ArrayRef = Arc::new(StringArray::from(vec![
        Some("아이유"),
        Some("Beyoncé"),
        Some("two\nlines \u{1b}[31mred"),
        None,
    ]));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(-20), None, Some(300)]));
    let batch = RecordBatch::try_from_iter([("name", names), ("n", numbers)]).unwrap();
    insta::assert_snapshot!(written(Form::Table, batch).await, @r"
     name                     | n
    --------------------------+------
     아이유                   |    1
     Beyoncé                  |  -20
     two\nlines \u{1b}[31mred | null
     null                     |  300
    (4 rows)
    ");
}

#[tokio::test]
async fn a_table_says_what_it_leaves_out_and_stops_reading() {
    let numbers = |from: i64| {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + 3));
        RecordBatch::try_from_iter([("n", column)]).unwrap()
    };
    let shown = async |rows: Option<u64>| {
        let endless = futures::stream::iter((0..4).map(move |at| Ok(numbers(at * 3))));
        let answer = Answer {
            schema: numbers(0).schema(),
            rows: endless.boxed(),
        };
        let mut out = Vec::new();
        let options = Options { rows, cell: 80 };
        let written = write(Form::Table, answer, &mut out, &options).await.unwrap();
        (
            written,
            String::from_utf8(out).unwrap().lines().last().unwrap().to_string(),
        )
    };
    assert_eq!(
        shown(Some(4)).await,
        (
            Written { rows: 4, more: true },
            "(the first 4 rows; there are more)".into()
        )
    );
    assert_eq!(
        shown(Some(6)).await,
        (
            Written { rows: 6, more: true },
            "(the first 6 rows; there are more)".into()
        )
    );
    assert_eq!(
        shown(Some(12)).await,
        (Written { rows: 12, more: false }, "(12 rows)".into())
    );
    assert_eq!(
        shown(None).await,
        (Written { rows: 12, more: false }, "(12 rows)".into())
    );
}

#[tokio::test]
async fn long_values_are_cut_in_tables_alone() {
    let batch = || {
        let long: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(200)]));
        RecordBatch::try_from_iter([("x", long)]).unwrap()
    };
    let table = written(Form::Table, batch()).await;
    assert!(table.contains(&format!(" {}…\n", "x".repeat(79))), "{table}");
    assert!(written(Form::JsonLines, batch()).await.contains(&"x".repeat(200)));
}

#[tokio::test]
async fn many_rows_are_written_as_they_come() {
    let batches = (0..3)
        .map(|at| {
            let column: ArrayRef = Arc::new(Int64Array::from_iter_values(at * 1_000..(at + 1) * 1_000));
            RecordBatch::try_from_iter([("n", column)]).unwrap()
        })
        .collect();
    let mut out = Vec::new();
    let options = Options { rows: None, cell: 80 };
    write(Form::Table, answer(batches), &mut out, &options).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    // Widths are those of the first thousand rows; wider ones stick out.
    assert!(
        text.contains("\n   9\n") && text.contains("\n 2999\n"),
        "{}",
        &text[..60]
    );
    assert!(text.ends_with("(3000 rows)\n"));
}

/// A reader that went away.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_is_gone_stops_the_writing() {
    for form in [Form::Table, Form::Csv, Form::JsonLines] {
        let error = write(form, answer(vec![everything()]), &mut Gone, &Options::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled);
    }
}

#[tokio::test]
async fn the_last_hours_of_the_calendar_are_shown_as_times() {
    let last = 253_402_300_799_999_999;
    let (instants, locals) = (
        TimestampMicrosecondArray::from(vec![last]).with_timezone("UTC"),
        TimestampMicrosecondArray::from(vec![last - 999_999]),
    );
    let fields = vec![
        Type::Timestamp.field("at", true),
        Type::LocalTimestamp.field("here", true),
    ];
    let columns: Vec<ArrayRef> = vec![Arc::new(instants), Arc::new(locals)];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    insta::assert_snapshot!(written(Form::Csv, batch).await, @"
    at,here
    9999-12-31T23:59:59.999999Z,9999-12-31T23:59:59
    ");
}

/// What is written as Parquet is read back as it was, types and nulls and all.
#[tokio::test]
async fn parquet_holds_the_answer_as_it_is() {
    use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let mut out = Vec::new();
    let batches = vec![everything(), everything()];
    let written = write(Form::Parquet, answer(batches), &mut out, &Options::default())
        .await
        .unwrap();
    assert_eq!(written.rows, 4);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answer.parquet");
    std::fs::write(&path, out).unwrap();
    let read = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap();
    let read: Vec<RecordBatch> = read.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(read[0].schema().fields(), everything().schema().fields());
    let once: Vec<RecordBatch> = read.iter().flat_map(|b| [b.slice(0, 2), b.slice(2, 2)]).collect();
    assert!(once.iter().all(|b| b.columns() == everything().columns()), "{once:?}");
}

//! Parquet.

use super::*;
use ::parquet::arrow::ArrowWriter;
use ::parquet::file::properties::WriterProperties;
use arrow_array::builder::{Int64Builder, ListBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BinaryArray, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    StructArray, TimestampNanosecondArray,
};
use arrow_schema::{DataType, Field};

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn orders() -> Vec<u8> {
    let mut tags = ListBuilder::new(StringBuilder::new());
    for row in [vec!["a", "b"], vec![], vec!["c"]] {
        row.into_iter().for_each(|tag| tags.values().append_value(tag));
        tags.append(true);
    }
    let nested = StructArray::from(vec![(
        Arc::new(Field::new("x", DataType::Int32, true)),
        Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])) as ArrayRef,
    )]);
    parquet(vec![
        ("Id", Arc::new(Int64Array::from(vec![1, 5_000_000_000, 3]))),
        (
            "name",
            Arc::new(StringArray::from(vec![Some("에스파"), None, Some("7")])),
        ),
        ("price", Arc::new(Float64Array::from(vec![0.5, 2.0, 3.25]))),
        (
            "at",
            Arc::new(TimestampNanosecondArray::from(vec![1_000, 2_000, 3_001]).with_timezone("UTC")),
        ),
        ("tags", Arc::new(tags.finish())),
        ("in", Arc::new(nested)),
        ("raw", Arc::new(BinaryArray::from(vec![&b"x"[..], b"\xff", b"z"]))),
    ])
}

async fn read_parquet(bytes: &[u8], columns: &[&str], change: impl FnOnce(&mut ReadRequest)) -> String {
    read_files(&[("a.parquet", bytes)], json!({ "path": "*" }), columns, change).await
}

#[tokio::test]
async fn columns_keep_their_types() {
    let said = read_parquet(&orders(), &[], |_| {}).await;
    insta::assert_snapshot!(said, @r#"
    rejected at at: a.parquet row 3: a time finer than microseconds <- {"Id":"3","name":"7","price":"3.25","at":"1970-01-01T00:00:00.000003001Z","tags":"[c]","in":"{x: 3}","raw":"7a"}
    [id int64, name string, price float64, at timestamp, tags list<string>, in struct<x: int32>, raw binary]
    1 | 에스파 | 0.5 | 1970-01-01T00:00:00.000001Z | [a, b] | {x: 1} | 78
    5000000000 | - | 2.0 | 1970-01-01T00:00:00.000002Z | [] | {x: -} | ff
    done
    "#);
    assert!(
        said.contains(
            "[id int64, name string, price float64, at timestamp, tags list<string>, in struct<x: int32>, raw binary]"
        ),
        "{said}"
    );
    assert!(
        said.contains("1 | 에스파 | 0.5 | 1970-01-01T00:00:00.000001Z | [a, b] | {x: 1}"),
        "{said}"
    );
    assert!(
        said.contains("rejected at at: a.parquet row 3: a time finer than microseconds"),
        "{said}"
    );
}

#[tokio::test]
async fn declared_columns_alone_are_read_and_values_that_do_not_fit_go_aside() {
    let said = read_parquet(
        &orders(),
        &["n int32! @ Id", "name string", "price decimal(5,2)"],
        |_| {},
    )
    .await;
    insta::assert_snapshot!(said, @r#"
    rejected at n: a.parquet row 2: expected int32, found "5000000000" (out of range) <- {"Id":"5000000000","name":null,"price":"2.0"}
    [n int32, name string, price decimal(5,2)]
    1 | 에스파 | 0.50
    3 | 7 | 3.25
    done
    "#);
    let text = read_parquet(&orders(), &["Id string", "raw string"], |_| {}).await;
    assert!(text.contains("1 | x\n") && text.contains("3 | z\n"), "{text}");
    assert!(
        text.contains("rejected at raw: a.parquet row 2: expected string"),
        "{text}"
    );
    let list = read_parquet(&orders(), &["tags int32"], |_| {}).await;
    assert_eq!(
        list,
        "error bad_data: the column `tags` is list<string> in the file, and int32 is wanted"
    );
    let lacks = read_parquet(&orders(), &["nme string"], |_| {}).await;
    assert_eq!(
        lacks,
        "error bad_data[SG0307]: the file a.parquet lacks the column \"nme\""
    );
    let dropped = read_parquet(&orders(), &["n int32 @ Id"], |r| {
        r.schema.on_type_change = OnChange::DropValue
    })
    .await;
    assert!(
        dropped.contains("\n-\n") && dropped.contains("note 1 values of a.parquet were left out"),
        "{dropped}"
    );
    let frozen = read_parquet(&orders(), &["n int32 @ Id"], |r| {
        r.schema.on_type_change = OnChange::Freeze
    })
    .await;
    assert!(
        frozen.contains("error bad_data[SG0303]: row 2 of a.parquet has another type"),
        "{frozen}"
    );
}

#[tokio::test]
async fn required_values_and_previews() {
    let required = read_parquet(&orders(), &["name string!"], |_| {}).await;
    assert!(
        required.contains("rejected at name: a.parquet row 2: required, and it is empty"),
        "{required}"
    );
    let few = read_parquet(&orders(), &["Id int64"], |r| r.limit = Some(1)).await;
    assert_eq!(few, "[Id int64]\n1");
}

#[tokio::test]
async fn later_files_may_have_other_columns() {
    let one = parquet(vec![("a", Arc::new(Int32Array::from(vec![1])) as ArrayRef)]);
    let wider = parquet(vec![
        ("a", Arc::new(Int64Array::from(vec![5_000_000_000])) as ArrayRef),
        (
            "b",
            Arc::new(Decimal128Array::from(vec![150]).with_precision_and_scale(5, 2).unwrap()) as ArrayRef,
        ),
    ]);
    let files: [(&str, &[u8]); 3] = [("1.parquet", &one), ("2.parquet", &wider), ("3.parquet", &one)];
    let mut all = Vec::new();
    for on in [
        OnChange::Evolve,
        OnChange::Quarantine,
        OnChange::DropValue,
        OnChange::Freeze,
    ] {
        let change = |request: &mut ReadRequest| {
            (request.schema.on_new_column, request.schema.on_type_change) = (on, on);
        };
        all.push(format!(
            "# {on:?}\n{}",
            read_files(&files, json!({ "path": "*" }), &[], change).await
        ));
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    # Evolve
    [a int32]
    1
    [a int64, b decimal(5,2)]
    5000000000 | 1.50
    note 3.parquet lacks columns of the table, which are empty there: b
    [a int64, b decimal(5,2)]
    1 | -
    done
    # Quarantine
    [a int32]
    1
    rejected at b: 2.parquet row 1: a column that the table does not have <- {"a":"5000000000","b":"1.50"}
    [a int32]
    1
    done
    # DropValue
    [a int32]
    1
    note columns of 2.parquet were left out, as `drop_value` says: b
    [a int32]
    -
    note 1 values of 2.parquet were left out, as `drop_value` says
    [a int32]
    1
    done
    # Freeze
    [a int32]
    1
    error bad_data[SG0303]: the file 2.parquet has a column that the table does not, and the schema is frozen: `b`
    "#);
    assert!(
        all[0].contains("[a int64, b decimal(5,2)]\n5000000000 | 1.50\n"),
        "{}",
        all[0]
    );
    assert!(
        all[1].contains("rejected at b: 2.parquet row 1: a column that the table does not have"),
        "{}",
        all[1]
    );
    assert!(all[2].contains("left out, as `drop_value` says: b"), "{}", all[2]);
    assert!(
        all[3].contains("error bad_data[SG0303]: the file 2.parquet has a column that the table does not"),
        "{}",
        all[3]
    );
}

#[tokio::test]
async fn what_is_no_parquet_is_said() {
    let whole = orders();
    for bytes in [
        &b""[..],
        b"PAR1",
        b"id,name\n1,x\n",
        &whole[..whole.len() / 2],
        &whole[..whole.len() - 1],
    ] {
        let said = read_parquet(bytes, &["Id int64"], |_| {}).await;
        assert!(
            said.starts_with("error bad_data[SG0311]: the file a.parquet cannot be read as Parquet"),
            "{said}"
        );
    }
    let mut maps = arrow_array::builder::MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    maps.keys().append_value("k");
    maps.values().append_value(1);
    maps.append(true).unwrap();
    let bytes = parquet(vec![
        ("m", Arc::new(maps.finish()) as ArrayRef),
        ("a", Arc::new(Int32Array::from(vec![1]))),
    ]);
    let said = read_parquet(&bytes, &[], |_| {}).await;
    assert!(said.starts_with("error unsupported"), "{said}");
    assert_eq!(read_parquet(&bytes, &["a int32"], |_| {}).await, "[a int32]\n1\ndone");
}

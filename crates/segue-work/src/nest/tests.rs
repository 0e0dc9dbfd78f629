//! Nested rows taken apart.

use super::*;
use arrow_array::builder::{Int64Builder, ListBuilder, StringBuilder, StructBuilder};

fn asset(text: &str) -> Asset {
    let text = format!(
        "asset: raw.a\ncopy:\n  from: api\n  request: {{ get: /x }}\n  records: $[*]\n  nested: child_tables\n{text}"
    );
    let project = crate::testing::project(&[("assets/raw/a.yaml", &text)]);
    project.assets.into_values().next().expect("there is one")
}

/// `id`, an object `o` of `x` and of a list of texts, and a list `l` of objects `a` with a list `m` of objects `b`.
fn rows(ids: &[i64], l: &[Option<Vec<(i64, Vec<&str>)>>]) -> RecordBatch {
    let inner = "struct<b: string>".parse::<Type>().unwrap();
    let of_l: Type = "list<struct<a: int64, m: list<struct<b: string>>>>".parse().unwrap();
    let of_o: Type = "struct<x: int64, tags: list<string>>".parse().unwrap();
    let DataType::List(item) = of_l.arrow() else {
        unreachable!()
    };
    let DataType::Struct(fields) = item.data_type().clone() else {
        unreachable!()
    };
    let DataType::Struct(inner) = inner.arrow() else {
        unreachable!()
    };
    let of_m = StructBuilder::new(inner.clone(), vec![Box::new(StringBuilder::new())]);
    let DataType::List(m_item) = fields[1].data_type().clone() else {
        unreachable!()
    };
    let builder = StructBuilder::new(
        fields,
        vec![
            Box::new(Int64Builder::new()),
            Box::new(ListBuilder::new(of_m).with_field(m_item)),
        ],
    );
    let mut lists = ListBuilder::new(builder).with_field(item);
    for list in l {
        for (a, m) in list.iter().flatten() {
            lists
                .values()
                .field_builder::<Int64Builder>(0)
                .unwrap()
                .append_value(*a);
            let below = lists.values().field_builder::<ListBuilder<StructBuilder>>(1).unwrap();
            for b in m {
                below
                    .values()
                    .field_builder::<StringBuilder>(0)
                    .unwrap()
                    .append_value(b);
                below.values().append(true);
            }
            below.append(true);
            lists.values().append(true);
        }
        lists.append(list.is_some());
    }
    let DataType::Struct(o) = of_o.arrow() else {
        unreachable!()
    };
    let mut tags = ListBuilder::new(StringBuilder::new()).with_field(match o[1].data_type() {
        DataType::List(item) => item.clone(),
        other => panic!("{other}"),
    });
    ids.iter().for_each(|_| tags.append_value([Some("t")]));
    let x: Int64Array = ids.iter().map(|id| Some(id * 10)).collect();
    let o = arrow_array::StructArray::new(
        o,
        vec![Arc::new(x), Arc::new(tags.finish())],
        Some(ids.iter().map(|id| *id != 2).collect::<Vec<_>>().into()),
    );
    let schema = Schema::new(vec![
        Type::Int64.field("id", false),
        of_o.field("o", true),
        of_l.field("l", true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ids.to_vec())),
        Arc::new(o),
        Arc::new(lists.finish()),
    ];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

fn shown(batch: &RecordBatch, deletes: Option<&BooleanArray>) -> String {
    let lines = (0..batch.num_rows()).map(|row| {
        let sign = if deletes.is_some_and(|d| d.value(row)) {
            "- "
        } else {
            ""
        };
        format!("  {sign}{}", Value::Object(crate::json::row(batch, row)))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn parted(nest: &Nest, batch: &RecordBatch, tell_childless: bool) -> String {
    let flat = match nest.flatten(batch) {
        Ok(flat) => flat,
        Err(error) => return error.to_text(),
    };
    let parted = nest.part(&flat, tell_childless).unwrap();
    let mut told = vec!["own".to_string(), shown(&parted.own, None)];
    for child in parted.children {
        told.push(child.path);
        told.push(shown(&child.rows.batch, child.rows.deletes.as_ref()));
    }
    told.join("\n")
}

fn example() -> RecordBatch {
    rows(
        &[1, 2, 3],
        &[Some(vec![(7, vec!["p", "q"]), (8, vec![])]), Some(vec![]), None],
    )
}

#[test]
fn lists_of_objects_are_tables_by_the_key() {
    let nest = Nest::of(&asset("write: { mode: merge, key: [id] }\n")).unwrap();
    insta::assert_snapshot!(parted(&nest, &example(), true), @r#"
    own
      {"id":1,"o__x":10,"o__tags":["t"]}
      {"id":2,"o__x":null,"o__tags":null}
      {"id":3,"o__x":30,"o__tags":["t"]}
    l
      {"_parent_id":1,"_position":0,"a":7}
      {"_parent_id":1,"_position":1,"a":8}
      - {"_parent_id":2,"_position":0,"a":null}
      - {"_parent_id":3,"_position":0,"a":null}
    l__m
      {"_parent_id":1,"_position_1":0,"_position":0,"b":"p"}
      {"_parent_id":1,"_position_1":0,"_position":1,"b":"q"}
      - {"_parent_id":2,"_position_1":0,"_position":0,"b":null}
      - {"_parent_id":3,"_position_1":0,"_position":0,"b":null}
    "#);
    // Whatever the rows are, the tables are the same.
    insta::assert_snapshot!(parted(&nest, &RecordBatch::new_empty(example().schema()), true), @r"
    own

    l

    l__m
    ");
}

#[test]
fn rows_without_a_key_have_an_id_that_stays() {
    let nest = Nest::of(&asset("write: { mode: append }\n")).unwrap();
    let first = parted(&nest, &example(), false);
    insta::assert_snapshot!(first, @r#"
    own
      {"id":1,"o__x":10,"o__tags":["t"],"_row_id":"cf7f5e3ea8e647f1091575057c45f7eb"}
      {"id":2,"o__x":null,"o__tags":null,"_row_id":"235dbdc55b9393506d7598ae4ab39753"}
      {"id":3,"o__x":30,"o__tags":["t"],"_row_id":"c123b5598f12abb00a018e87631c8738"}
    l
      {"_parent__row_id":"cf7f5e3ea8e647f1091575057c45f7eb","_position":0,"a":7}
      {"_parent__row_id":"cf7f5e3ea8e647f1091575057c45f7eb","_position":1,"a":8}
    l__m
      {"_parent__row_id":"cf7f5e3ea8e647f1091575057c45f7eb","_position_1":0,"_position":0,"b":"p"}
      {"_parent__row_id":"cf7f5e3ea8e647f1091575057c45f7eb","_position_1":0,"_position":1,"b":"q"}
    "#);
    // A column that is new, and empty, makes no row another one; another child does.
    let id = |batch: &RecordBatch| {
        let parted = nest.part(&nest.flatten(batch).unwrap(), false).unwrap();
        parted
            .own
            .column_by_name(ROW_ID)
            .unwrap()
            .as_string::<i32>()
            .value(0)
            .to_string()
    };
    let before = example();
    let mut fields = before.schema().fields().to_vec();
    fields.push(Arc::new(Type::Json.field("new", true)));
    let wider: SchemaRef = Arc::new(Schema::new(fields));
    assert_eq!(id(&segue_core::align::align(&before, &wider).unwrap()), id(&before));
    assert_ne!(id(&rows(&[1], &[Some(vec![(7, vec!["p"])])])), id(&before));
}

#[test]
fn what_happens_to_a_table_happens_to_its_children() {
    let nest = Nest::of(&asset("write: { mode: merge, key: [id] }\n")).unwrap();
    let slice = |label: &str| Labels::from_iter([("id".to_string(), Value::from(label))]);
    let changes = [
        Change::Append,
        Change::ReplaceTable,
        Change::ReplaceSlices {
            columns: vec!["id".into()],
            slices: [slice("a")].into(),
        },
        Change::merge(["id"]),
        Change::Merge {
            key: vec!["id".into()],
            missing: Missing::Delete,
        },
        Change::DeleteInsert { key: vec!["id".into()] },
        Change::History {
            key: vec!["id".into()],
            at: jiff::Timestamp::UNIX_EPOCH,
        },
    ];
    let told = changes.map(|change| serde_json::to_string(&nest.change(&change).unwrap()).unwrap());
    insta::assert_snapshot!(told.join("\n"), @r#"
    "append"
    "replace_table"
    {"replace_slices":{"columns":["_parent_id"],"slices":[{"_parent_id":"a"}]}}
    {"delete_insert":{"key":["_parent_id"]}}
    "replace_table"
    {"delete_insert":{"key":["_parent_id"]}}
    {"delete_insert":{"key":["_parent__row_id"]}}
    "#);
}

#[test]
fn names_that_meet_are_refused() {
    let nest = Nest::of(&asset("write: { mode: append }\n")).unwrap();
    let of: Type = "struct<b: int64>".parse().unwrap();
    let schema = Schema::new(vec![of.field("a", true), Type::Int64.field("a__b", true)]);
    insta::assert_snapshot!(parted(&nest, &RecordBatch::new_empty(Arc::new(schema)), false), @r"
    error[SG0536]: two columns would be `a__b`: what is nested gets its name from all that it stands in
      hint: declare the columns, and give one of them another name and its `path:`; or say `nested: struct` of it
      more: segue explain SG0536
    ");
}

#[test]
fn child_tables_are_known_by_their_columns() {
    let column = |name: &str, of: &str| segue_core::source::Column {
        name: name.into(),
        of: of.parse().unwrap(),
        required: false,
        path: None,
        value: None,
    };
    let columns = [
        column(
            "a",
            "list<struct<b: list<struct<c: int64>>, d: struct<e: list<struct<f: bool>>>>>",
        ),
        column("g", "struct<h: list<struct<i: int64>>>"),
        column("j", "list<list<struct<k: int64>>>"),
        column("l", "list<int64>"),
    ];
    assert_eq!(children(&columns), ["a", "a__b", "a__d__e", "g__h"]);
}

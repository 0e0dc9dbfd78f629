//! Columns that nobody declared.

use super::*;

async fn read(pages: Vec<Value>, columns: &[&str], on_new: OnChange, on_type: OnChange) -> String {
    read_nested(pages, columns, on_new, on_type, Nesting::default()).await
}

async fn read_nested(
    pages: Vec<Value>,
    columns: &[&str],
    on_new: OnChange,
    on_type: OnChange,
    nested: Nesting,
) -> String {
    let f = Fixture::new(move |asked, _| {
        let n: usize = asked.param("cursor").map_or(0, |c| c.parse().unwrap());
        let next = (n + 1 < pages.len()).then_some(n + 1);
        Reply::json(json!({ "items": pages[n], "next": next }))
    })
    .await;
    let copy =
        json!({ "request": { "get": "/x" }, "paginate": { "cursor": { "path": "$.next" } }, "records": "$.items[*]" });
    let mut request = request(copy, columns);
    request.schema.declared = false;
    request.schema.on_new_column = on_new;
    request.schema.on_type_change = on_type;
    request.schema.nested = nested;
    let source = f.source().unwrap();
    let reads: Vec<_> = match source.read(request, &f.ctx).await {
        Ok(stream) => stream.collect().await,
        Err(error) => return shown(&error),
    };
    let mut out = Vec::new();
    for read in &reads {
        if let Ok(Read::Rows { batch, .. }) = read {
            let fields: Vec<String> = batch
                .schema()
                .fields()
                .iter()
                .map(|f| format!("{} {}", f.name(), segue_core::Type::of(f).unwrap()))
                .collect();
            out.push(fields.join(", "));
        }
        out.extend(lines(read));
    }
    out.join("\n")
}

#[tokio::test]
async fn columns_are_found_out_from_the_first_answers() {
    let pages = vec![
        json!([{ "id": "a", "n": 1, "x": 1, "Odd Name": true, "nested": { "k": [1] }, "nothing": null, "mixed": 1 }]),
        json!([{ "id": "b", "n": 18446744073709551615u64, "x": 0.5, "nested": [], "mixed": "one" }]),
    ];
    insta::assert_snapshot!(read(pages, &[], OnChange::Evolve, OnChange::Evolve).await, @r#"
    id string, n decimal(20,0), x float64, odd_name bool, nested json, mixed json
    0: a 1 1.0 true {"k":[1]} 1
    id string, n decimal(20,0), x float64, odd_name bool, nested json, mixed json
    0: b 18446744073709551615 0.5 - [] "one"
    0 done
    "#);
}

fn later() -> Vec<Value> {
    vec![
        json!([{ "id": "a", "n": 1 }]),
        json!([{ "id": "b", "n": 2, "new": true }]),
        json!([{ "id": "c", "n": "three" }]),
        json!([{ "id": "d", "n": 18446744073709551615u64 }]),
    ]
}

#[tokio::test]
async fn a_known_schema_answers_to_changes_in_four_ways() {
    let mut all = Vec::new();
    for on in [
        OnChange::Evolve,
        OnChange::Freeze,
        OnChange::Quarantine,
        OnChange::DropValue,
    ] {
        all.push(format!(
            "# {on:?}\n{}",
            read(later(), &["id string", "n int64"], on, on).await
        ));
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    # Evolve
    id string, n int64
    0: a 1
    id string, n int64, new bool
    0: b 2 true
    0 rejected at $.n: expected int64, found "three" <- {"id":"c","n":"three"}
    id string, n decimal(20,0), new bool
    0: d 18446744073709551615 -
    0 done
    # Freeze
    id string, n int64
    0: a 1
    error bad_data[SG0303]: the source's records changed, and the schema is frozen: `new` is new
    # Quarantine
    id string, n int64
    0: a 1
    0 rejected at $.new: a field that the table does not have <- {"id":"b","n":2,"new":true}
    0 rejected at $.n: expected int64, found "three" <- {"id":"c","n":"three"}
    0 rejected at $.n: expected int64, found 18446744073709551615 (out of range) <- {"id":"d","n":18446744073709551615}
    0 done
    # DropValue
    id string, n int64
    0: a 1
    id string, n int64
    0: b 2
    id string, n int64
    0: c -
    id string, n int64
    0: d -
    0 done
    note 3 values were left out, as `drop_value` says
    "#);
}

fn structs() -> Nesting {
    Nesting {
        others: Nested::Struct,
        columns: Default::default(),
    }
}

async fn read_structs(pages: Vec<Value>, columns: &[&str], on_new: OnChange, on_type: OnChange) -> String {
    read_nested(pages, columns, on_new, on_type, structs()).await
}

#[tokio::test]
async fn objects_and_lists_become_what_their_values_show() {
    let pages = vec![
        json!([{ "id": 1, "album": { "Id": "x", "a-b": 1 }, "tags": ["a"], "tracks": [{ "n": 1, "by": [{ "name": "ann" }] }], "none": [], "empty": {} }]),
        json!([{ "id": 2, "album": { "Id": "y", "a-b": 2.5 }, "tags": [], "tracks": [], "mixed": [1, "x"], "matrix": [[1, 2], [3]] },
               { "id": 3, "album": null, "tags": null, "tracks": null, "mixed": null, "both": [1] },
               { "id": 4, "album": { "a-b": null }, "tracks": [{ "n": 2, "long": true }, null], "both": { "x": 1 } }]),
    ];
    insta::assert_snapshot!(read_structs(pages, &[], OnChange::Evolve, OnChange::Evolve).await, @r#"
    id int64, album struct<id: string, a_b: float64>, tags list<string>, tracks list<struct<n: int64, by: list<struct<name: string>>, long: bool>>, mixed list<json>, matrix list<list<int64>>, both json
    0: 1 {id: x, a_b: 1.0} [a] [{n: 1, by: [{name: ann}], long: -}] - - -
    id int64, album struct<id: string, a_b: float64>, tags list<string>, tracks list<struct<n: int64, by: list<struct<name: string>>, long: bool>>, mixed list<json>, matrix list<list<int64>>, both json
    0: 2 {id: y, a_b: 2.5} [] [] [1, "x"] [[1, 2], [3]] -
    0: 3 - - - - - [1]
    0: 4 {id: -, a_b: -} - [{n: 2, by: -, long: true}, -] - - {"x":1}
    0 done
    "#);
}

#[tokio::test]
async fn new_fields_in_objects_answer_as_new_columns_do() {
    let pages = || {
        vec![
            json!([{ "o": { "a": 1 }, "l": [{ "a": 1 }] }]),
            json!([{ "o": { "a": 2, "b": { "C": true } }, "l": [] }]),
            json!([{ "o": { "a": 3 }, "l": [{ "a": 1 }, { "b": "x" }] }]),
            json!([{ "o": { "a": "four" }, "l": null }, { "o": { "a": 5.5 } }, { "o": [], "l": { "a": 1 } }, { "o": { "a": 6, "A": 7 } }]),
        ]
    };
    let mut all = Vec::new();
    for on in [
        OnChange::Evolve,
        OnChange::Freeze,
        OnChange::Quarantine,
        OnChange::DropValue,
    ] {
        let columns = ["o struct<a: int64>", "l list<struct<a: int64>>"];
        all.push(format!("# {on:?}\n{}", read_structs(pages(), &columns, on, on).await));
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    # Evolve
    o struct<a: int64>, l list<struct<a: int64>>
    0: {a: 1} [{a: 1}]
    o struct<a: int64, b: struct<c: bool>>, l list<struct<a: int64>>
    0: {a: 2, b: {c: true}} []
    o struct<a: int64, b: struct<c: bool>>, l list<struct<a: int64, b: string>>
    0: {a: 3, b: -} [{a: 1, b: -}, {a: -, b: x}]
    0 rejected at $.o.a: expected decimal(20,1), found four (not a number) <- {"o":{"a":"four"},"l":null}
    0 rejected at $.o: expected struct<a: decimal(20,1), b: struct<c: bool>>, found [] <- {"o":[],"l":{"a":1}}
    0 rejected at $.o: another key than "A" is the field `a` too <- {"o":{"a":6,"A":7}}
    o struct<a: decimal(20,1), b: struct<c: bool>>, l list<struct<a: int64, b: string>>
    0: {a: 5.5, b: -} -
    0 done
    # Freeze
    o struct<a: int64>, l list<struct<a: int64>>
    0: {a: 1} [{a: 1}]
    error bad_data[SG0303]: the source's records changed, and the schema is frozen: `o.b` is new
    # Quarantine
    o struct<a: int64>, l list<struct<a: int64>>
    0: {a: 1} [{a: 1}]
    0 rejected at $.o.b: a field that the column's type does not have <- {"o":{"a":2,"b":{"C":true}},"l":[]}
    0 rejected at $.l[1].b: a field that the column's type does not have <- {"o":{"a":3},"l":[{"a":1},{"b":"x"}]}
    0 rejected at $.o.a: expected int64, found "four" <- {"o":{"a":"four"},"l":null}
    0 rejected at $.o.a: expected int64, found 5.5 (not a whole number) <- {"o":{"a":5.5}}
    0 rejected at $.o: expected struct<a: int64>, found [] <- {"o":[],"l":{"a":1}}
    0 rejected at $.o: another key than "A" is the field `a` too <- {"o":{"a":6,"A":7}}
    0 done
    # DropValue
    o struct<a: int64>, l list<struct<a: int64>>
    0: {a: 1} [{a: 1}]
    o struct<a: int64>, l list<struct<a: int64>>
    0: {a: 2} []
    o struct<a: int64>, l list<struct<a: int64>>
    0: {a: 3} [{a: 1}, {a: -}]
    o struct<a: int64>, l list<struct<a: int64>>
    0: - -
    0: - -
    0: - -
    0: - -
    0 done
    note 7 values were left out, as `drop_value` says
    "#);
}

/// What is deep, and what is a table by its keys, stays JSON.
#[tokio::test]
async fn structs_have_bounds() {
    let deep = "[".repeat(9) + "1" + &"]".repeat(9);
    let deep: Value = serde_json::from_str(&deep).unwrap();
    let wide: serde_json::Map<String, Value> = (0..1_001).map(|n| (format!("k{n}"), json!(n))).collect();
    let told = read_structs(
        vec![json!([{ "deep": deep, "wide": wide }])],
        &[],
        OnChange::Evolve,
        OnChange::Evolve,
    )
    .await;
    assert_eq!(
        told.lines().next(),
        Some("deep list<list<list<list<list<list<list<list<json>>>>>>>>, wide json")
    );
}

#[tokio::test]
async fn a_declared_column_without_a_type_may_be_a_struct() {
    let f = Fixture::new(|asked, _| match asked.param("page") {
        Some(_) => Reply::json(json!({ "items": [{ "o": { "A b": 2, "new": 1 }, "j": {} }, { "o": { "A b": 3 } }] })),
        None => Reply::json(json!({ "items": [{ "o": { "A b": 1 }, "j": { "k": 1 } }], "next": "/x?page=2" })),
    })
    .await;
    let copy = json!({ "request": { "get": "/x" }, "records": "$.items[*]", "paginate": { "next_link": "$.next" } });
    // Found out now, and as it was found out before.
    let mut all = Vec::new();
    for (of, untyped) in [("json", vec!["o".into(), "j".into()]), ("struct<a_b: int64>", vec![])] {
        let mut request = request(copy.clone(), &[&format!("o {of}"), "j json"]);
        request.schema.untyped = untyped;
        request.schema.on_type_change = OnChange::Quarantine;
        request.schema.nested.columns = [("o".to_string(), Nested::Struct)].into();
        all.push(f.read(request).await);
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    0: {a_b: 1, new: -} {"k":1}
    0: {a_b: 2, new: 1} {}
    0: {a_b: 3, new: -} -
    0 done
    0: {a_b: 1} {"k":1}
    0 rejected at $.o.new: a field that the column's type does not have <- {"o":{"A b":2,"new":1},"j":{}}
    0: {a_b: 3} -
    0 done
    "#);
}

#[tokio::test]
async fn many_workers_end_in_one_schema() {
    let f = Fixture::new(|asked, _| {
        let n: usize = asked.path.rsplit('s').next().unwrap().parse().unwrap();
        Reply::json(json!([{ "id": n, (format!("c{}", n % 7)): n }]))
    })
    .await
    .with("limits", json!({ "concurrency": 4 }));
    let ids: Vec<String> = (0..40).map(|i| format!("s{i}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut request = for_each(
        request(
            json!({ "request": { "get": "/{{ each.id }}" }, "records": "$[*]" }),
            &["id int64"],
        ),
        "label",
        &ids,
    );
    request.schema.declared = false;
    let reads: Vec<_> = f.source().unwrap().read(request, &f.ctx).await.unwrap().collect().await;
    let (mut width, mut rows, mut done) = (0, 0, 0);
    for read in reads {
        match read.unwrap() {
            Read::Rows { batch, .. } => {
                assert!(batch.num_columns() >= width, "a later batch has no fewer columns");
                width = batch.num_columns();
                rows += batch.num_rows();
            }
            Read::Done { .. } => done += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((width, rows, done), (8, 40, 40));
}

#[tokio::test]
async fn labels_have_a_column_whether_records_name_them_or_not() {
    let f = Fixture::new(|asked, _| {
        let id = asked.path.rsplit('/').next().unwrap().to_string();
        Reply::json(if asked.path.contains("named") {
            json!([{ "n": 1, "label": id }, { "n": 2, "label": "z" }])
        } else {
            json!([{ "n": 1 }])
        })
    })
    .await;
    let mut all = Vec::new();
    for path in ["/plain/{{ each.id }}", "/named/{{ each.id }}"] {
        let copy = json!({ "request": { "get": path }, "records": "$[*]" });
        for columns in [&[][..], &["n int64", "label string"]] {
            let mut request = for_each(request(copy.clone(), columns), "label", &["a", "b"]);
            request.schema.declared = false;
            all.push(f.read(request).await.replace('\n', "; "));
        }
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    0: 1 a; 0 done; 1: 1 b; 1 done
    0: 1 a; 0 done; 1: 1 b; 1 done
    0 rejected: a record of z, which was not asked for <- {"n":2,"label":"z"}; 0: 1 a; 0 done; 1 rejected: a record of z, which was not asked for <- {"n":2,"label":"z"}; 1: 1 b; 1 done
    0 rejected: a record of z, which was not asked for <- {"n":2,"label":"z"}; 0: 1 a; 0 done; 1 rejected: a record of z, which was not asked for <- {"n":2,"label":"z"}; 1: 1 b; 1 done
    "#);
}

#[tokio::test]
async fn fields_are_known_again_by_the_names_that_their_columns_got() {
    let pages = vec![json!([{ "firstName": "Ann", "a-b": 1 }, { "firstName": "Bob", "a-b": 2.5 }])];
    let mut all = Vec::new();
    for columns in [&[][..], &["firstname string", "a_b int64"]] {
        all.push(read(pages.clone(), columns, OnChange::Quarantine, OnChange::Evolve).await);
    }
    let alike = vec![json!([{ "id": 1, "ID": 2 }])];
    all.push(read(alike.clone(), &[], OnChange::Evolve, OnChange::Evolve).await);
    all.push(read(alike, &["id int64"], OnChange::Evolve, OnChange::Evolve).await);
    insta::assert_snapshot!(all.join("\n"), @r#"
    firstname string, a_b float64
    0: Ann 1.0
    0: Bob 2.5
    0 done
    firstname string, a_b decimal(20,1)
    0: Ann 1.0
    0: Bob 2.5
    0 done
    error bad_data: the fields `id` and `ID` would both be the column `id`
    0 rejected at $.ID: the key twice <- {"id":1,"ID":2}
    0 done
    "#);
}

/// What is frozen are names and types alone: the second read knows no path.
#[tokio::test]
async fn records_that_are_no_objects_are_the_same_column_in_every_read() {
    let pages = vec![json!(["pop", "jazz", null])];
    let mut all = Vec::new();
    for columns in [&[][..], &["value string"]] {
        all.push(read(pages.clone(), columns, OnChange::Quarantine, OnChange::Quarantine).await);
    }
    all.push(
        read(
            vec![json!([1, { "value": "two" }])],
            &["value string"],
            OnChange::Quarantine,
            OnChange::Quarantine,
        )
        .await,
    );
    insta::assert_snapshot!(all.join("\n"), @r#"
    value string
    0: pop
    0: jazz
    0 done
    note 1 records were null: the source had nothing there
    value string
    0: pop
    0: jazz
    0 done
    note 1 records were null: the source had nothing there
    0 rejected at $: expected string, found 1 <- 1
    value string
    0: two
    0 done
    "#);
}

#[tokio::test]
async fn a_declared_column_without_a_type_gets_the_one_that_is_found() {
    let f =
        Fixture::new(|_, _| Reply::json(json!([{ "id": "a", "n": 1, "m": null }, { "id": "b", "n": 2.5, "m": null }])))
            .await;
    let mut request = request(
        json!({ "request": { "get": "/x" }, "records": "$[*]" }),
        &["n json", "id string", "m json"],
    );
    request.schema.untyped = vec!["n".into(), "m".into()];
    let reads: Vec<_> = f.source().unwrap().read(request, &f.ctx).await.unwrap().collect().await;
    let Ok(Read::Rows { batch, .. }) = &reads[0] else {
        panic!("{reads:?}")
    };
    let types: Vec<String> = batch
        .schema()
        .fields()
        .iter()
        .map(|f| segue_core::Type::of(f).unwrap().to_string())
        .collect();
    assert_eq!(types, ["float64", "string", "json"]);
    assert_eq!(batch.num_rows(), 2);
}

#[tokio::test]
async fn declared_columns_answer_to_another_type() {
    let mut all = Vec::new();
    for on in [OnChange::Freeze, OnChange::Quarantine, OnChange::DropValue] {
        let f = Fixture::new(|_, _| {
            Reply::json(json!([{ "id": "a", "n": 1, "more": 1 }, { "id": "b", "n": "two" }, { "id": null, "n": 3 }]))
        })
        .await;
        let mut request = request(
            json!({ "request": { "get": "/x" }, "records": "$[*]" }),
            &["id string!", "n int64"],
        );
        request.schema.on_type_change = on;
        all.push(format!("# {on:?}\n{}", f.read(request).await));
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    # Freeze
    error bad_data[SG0303]: the source's records changed, and the schema is frozen: column `n`: expected int64, found "two"
    # Quarantine
    0 rejected at $.n: expected int64, found "two" <- {"id":"b","n":"two"}
    0 rejected at $.id: required, and it is null <- {"id":null,"n":3}
    0: a 1
    0 done
    # DropValue
    0 rejected at $.id: required, and it is null <- {"id":null,"n":3}
    0: a 1
    0: b -
    0 done
    note 1 values were left out, as `drop_value` says
    "#);
}

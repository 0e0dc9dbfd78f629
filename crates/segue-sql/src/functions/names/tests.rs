use crate::engine::tests::{asked, bench, query, refused};
use futures::TryStreamExt;
use proptest::prelude::*;
use segue_core::engine::{Engine, Param};
use serde_json::json;

#[tokio::test]
async fn names_are_folded_and_compared() {
    insta::assert_snapshot!(
        asked("select name, fold_name(upper(name)) as folded, edit_distance(lower(name), 'zoca') as letters, jamo_distance(name, 'Zico') as keys from raw.artists").await,
        @r"
     name | folded | letters | keys
    ------+--------+---------+------
     IU   | iu     |       4 |    4
     Zico | zico   |       2 |    0
     null | null   |    null | null
    (3 rows)
    "
    );
    insta::assert_snapshot!(
        asked("select fold_name('The  Beatles ') as a, fold_name('Beyoncé & JAY-Z') as b, edit_distance('에스파', '엣파') as c, jamo_distance('에스파', '엣파') as d").await,
        @r"
     a       | b              | c | d
    ---------+----------------+---+---
     beatles | beyonceandjayz | 2 | 1
    (1 row)
    "
    );
}

#[tokio::test]
async fn null_in_null_out() {
    insta::assert_snapshot!(
        asked("select fold_name(null) as a, edit_distance(null, 'x') as b, jamo_distance(name, null) as c from raw.artists where id = 1").await,
        @r"
     a    | b    | c
    ------+------+------
     null | null | null
    (1 row)
    "
    );
}

#[tokio::test]
async fn texts_are_wanted_and_no_more_than_can_be_compared() {
    let bench = bench();
    let said = |sql: &str| {
        let (bench, query) = (&bench, query(sql));
        async move { refused(bench, &query).await.to_text() }
    };
    insta::assert_snapshot!(said("select fold_name(id) as x from raw.artists").await, @r"
    error[SG0253]: the function `fold_name` takes no arguments of these types
      at: line 1, column 8
      hint: cast what it is given: `cast(x as text)`
      more: segue explain SG0253
    ");
    insta::assert_snapshot!(said("select edit_distance(name) as x from raw.artists").await, @r"
    error[SG0253]: the function `edit_distance` takes 2 arguments and not 1
      at: line 1, column 8
      more: segue explain SG0253
    ");
    insta::assert_snapshot!(said("select edit_distance(repeat(name, 1000), 'x') as x from raw.artists").await, @r"
    error[SG0254]: edit_distance compares texts of at most 1000 letters, and one has 2000
      hint: compare their beginnings: edit_distance(left(a, 100), left(b, 100))
      more: segue explain SG0254
    ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// What SQL says of columns and of single values is what the names' own crate says.
    #[test]
    fn sql_says_what_the_crate_says(a in "\\PC{0,12}", b in "[a-cA-C가-힣 .]{0,12}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let rows = runtime.block_on(async {
            let mut query = query(
                "with t as (select $a as a, $b as b from raw.artists where id < 3)
                 select fold_name(a) as f, edit_distance(a, b) as e, jamo_distance(b, a) as j, edit_distance($a, $b) as one from t",
            );
            query.params.insert("a".into(), Param::Value(json!(a)));
            query.params.insert("b".into(), Param::Value(json!(b)));
            let bench = bench();
            let answer = bench.engine.run(&query, &bench.ctx).await.expect("it is right");
            answer.rows.try_collect::<Vec<_>>().await.expect("it runs")
        });
        use arrow_array::cast::AsArray;
        use arrow_array::types::Int64Type;
        let mut seen = 0;
        for batch in &rows {
            let number = |at: usize, row: usize| batch.column(at).as_primitive::<Int64Type>().value(row);
            for row in 0..batch.num_rows() {
                prop_assert_eq!(batch.column(0).as_string::<i32>().value(row), segue_names::fold_name(&a));
                prop_assert_eq!(number(1, row), segue_names::edit_distance(&a, &b) as i64);
                prop_assert_eq!(number(2, row), segue_names::jamo_distance(&a, &b) as i64);
                prop_assert_eq!(number(3, row), number(1, row));
                seen += 1;
            }
        }
        prop_assert_eq!(seen, 2);
    }
}

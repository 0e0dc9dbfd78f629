//! Each type by values that nobody chose: what comes is given back to the server, which says whether it is the same.

use super::*;
use segue_testkit::postgres::kinds::{MAKERS, PLAIN, Typed};

const ROWS: usize = 300;

/// A value as the server takes it in: what is written otherwise here.
fn back(of: &Type, text: &str) -> String {
    match of {
        Type::Binary => format!("\\x{text}"),
        Type::Time => clock(text),
        Type::Date | Type::Timestamp | Type::LocalTimestamp => match text.strip_prefix('-') {
            // Year -1 is 2 BC: there is a year 0 here, and none there.
            Some(before) => {
                let (year, rest) = before.split_once('-').unwrap();
                format!("{:04}-{rest} BC", year.parse::<i32>().unwrap() + 1)
            }
            None if text.starts_with("0000-") => format!("0001{} BC", &text[4..]),
            None => text.to_string(),
        },
        _ => text.to_string(),
    }
}

fn clock(microseconds: &str) -> String {
    let us: u64 = microseconds.parse().unwrap();
    let (seconds, us) = (us / 1_000_000, us % 1_000_000);
    format!(
        "{:02}:{:02}:{:02}.{us:06}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A list as the server writes an array.
fn array(column: &arrow_array::ArrayRef, row: usize, of: &Type) -> String {
    let list = column
        .as_any()
        .downcast_ref::<arrow_array::ListArray>()
        .unwrap()
        .value(row);
    let one = |at: usize| match list.is_null(at) {
        true => "NULL".to_string(),
        false => {
            let text = back(of, &array_value_to_string(&list, at).unwrap());
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }
    };
    format!("{{{}}}", (0..list.len()).map(one).collect::<Vec<_>>().join(","))
}

#[tokio::test]
async fn what_comes_is_what_the_server_has() {
    let bed = Bed::new(MAKERS).await;
    let seed = f64::from(std::process::id() % 1000) / 1000.0;
    println!("seed {seed}");
    for Typed { of, makes, .. } in PLAIN {
        bed.sql(&format!(
            "drop table if exists t; create table t (id int4, v {of}); select setseed({seed});
             insert into t select n, case when n % 10 > 0 then {makes} end from generate_series(1, {ROWS}) n"
        ))
        .await;
        let mut reads = bed
            .source()
            .read(request(json!({ "table": "t" }), ReadSchema::default()), &bed.ctx)
            .await
            .unwrap();
        let (mut ids, mut values) = (Vec::new(), Vec::new());
        while let Some(read) = reads.next().await {
            match read.unwrap() {
                Read::Rows { batch, .. } => {
                    let is = Type::of(batch.schema().field(1)).unwrap();
                    for row in 0..batch.num_rows() {
                        let column = batch.column(1);
                        ids.push(
                            array_value_to_string(batch.column(0), row)
                                .unwrap()
                                .parse::<i32>()
                                .unwrap(),
                        );
                        values.push(match (column.is_null(row), &is) {
                            (true, _) => None,
                            (false, Type::List(inner)) => Some(array(column, row, inner)),
                            (false, is) => Some(back(is, &array_value_to_string(column, row).unwrap())),
                        });
                    }
                }
                Read::Rejected { rows, .. } => panic!("{of}: {rows:?}"),
                _ => {}
            }
        }
        assert_eq!(ids.len(), ROWS, "{of}");
        // By their texts, which tell apart what some types take for equal.
        let wrong = bed
            .client
            .query(
                &format!(
                    "select t.v::text, r.v from t full join (select unnest($1::int4[]) id, unnest($2::text[]) v) r using (id)
                     where t.v::text is distinct from r.v::{of}::text limit 3"
                ),
                &[&ids, &values],
            )
            .await
            .unwrap_or_else(|e| panic!("{of}: {:?}", e.as_db_error()));
        let wrong: Vec<(Option<String>, Option<String>)> = wrong.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert!(wrong.is_empty(), "seed {seed}, {of}: {wrong:?}");
    }
}

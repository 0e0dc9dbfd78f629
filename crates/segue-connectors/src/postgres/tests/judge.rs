//! Each type by values that nobody chose: what comes is given back to the server, which says whether it is the same.

use super::*;

/// A type, and an expression of the server's that makes one value of it; `r()` is another random text of 32 hexadecimal digits each time.
const TYPES: &[(&str, &str)] = &[
    ("bool", "random() < 0.5"),
    ("int2", "(random() * 65535 - 32768)::int2"),
    ("int4", "('x' || left(r(), 8))::bit(32)::int4"),
    ("int8", "('x' || left(r(), 16))::bit(64)::int8"),
    ("oid", "(('x' || left(r(), 8))::bit(32)::int8 & 4294967295)::oid"),
    ("float4", "((random() - 0.5) * 10 ^ (random() * 70 - 35))::float4"),
    ("float8", "(random() - 0.5) * 10 ^ (random() * 600 - 300)"),
    (
        "numeric",
        "(digits(60) || '.' || digits(60))::numeric * (random() - 0.5)::numeric",
    ),
    (
        "numeric(38, 12)",
        "(left(digits(26), 26) || '.' || digits(12))::numeric(38, 12)",
    ),
    ("numeric(6, -3)", "(digits(9))::numeric(6, -3)"),
    ("numeric(3, 6)", "('0.000' || digits(3))::numeric(3, 6)"),
    ("money", "((random() - 0.5) * 1e12)::numeric::money"),
    ("text", "words()"),
    ("varchar(40)", "left(words(), 40)::varchar(40)"),
    ("bytea", "decode(repeat(r(), (random() * 3)::int), 'hex')"),
    ("uuid", "r()::uuid"),
    (
        "json",
        "json_build_object(words(), array[random(), 1e300], 'n', null, '', json_build_array(words(), digits(30)::numeric))",
    ),
    (
        "jsonb",
        "jsonb_build_object(words(), array[random(), 1e300], 'n', null, '', jsonb_build_array(words(), digits(30)::numeric))",
    ),
    ("date", "date '4713-01-01 BC' + (random() * 5373400)::int"),
    (
        "time",
        "time '00:00' + (random() * 86399999999)::int8 * interval '1 microsecond'",
    ),
    (
        "timetz",
        "('12:00:00.' || digits(6) || '+' || lpad((random() * 14)::int::text, 2, '0'))::timetz",
    ),
    (
        "timestamp",
        "timestamp '4713-01-01 BC' + (random() * 5373400)::int * interval '1 day' + (random() * 86399999999)::int8 * interval '1 microsecond'",
    ),
    (
        "timestamptz",
        "timestamptz '4713-01-01 BC' + (random() * 5373400)::int * interval '1 day' + (random() * 86399999999)::int8 * interval '1 microsecond'",
    ),
    (
        "interval",
        "(random() * 5000 - 2500)::int * interval '1 month' + (random() * 99 - 50)::int * interval '1 day' + (random() * 1e12 - 5e11)::int8 * interval '1 microsecond'",
    ),
    (
        "bit varying",
        "left(('x' || r())::bit(128)::text, (random() * 128)::int)::varbit",
    ),
    (
        "inet",
        "host('::'::inet + (('x' || left(r(), 15))::bit(60)::int8))::inet",
    ),
    ("macaddr", "left(r(), 12)::macaddr"),
    ("int8range", "int8range(n, n + (random() * 1e6)::int8, '[]')"),
    (
        "nummultirange",
        "nummultirange(numrange(null, digits(9)::numeric * -1), numrange(digits(20)::numeric, null))",
    ),
    ("tsvector", "to_tsvector('simple', words())"),
    ("int4[]", "array[('x' || left(r(), 8))::bit(32)::int4, null, 0]"),
    ("text[]", "array[words(), null, '', 'NULL', '{', '\"', '\\']"),
    (
        "numeric(20, 5)[]",
        "array[digits(14)::numeric, null, -0.00001]::numeric(20, 5)[]",
    ),
    ("timestamptz[]", "array[now() - random() * interval '1000 years', null]"),
    ("inet[]", "array[host('::'::inet + (random() * 1e9)::int8)::inet, null]"),
    ("uuid[]", "array[r()::uuid]"),
];

const MAKERS: &str = "
    create function r() returns text volatile language sql as $$ select md5(random()::text || clock_timestamp()::text) $$;
    create function digits(n int) returns text volatile language sql as
        $$ select left('1' || string_agg((random() * 9)::int::text, ''), n) from generate_series(1, n) $$;
    create function words() returns text volatile language sql as $$
        select coalesce(string_agg(case (random() * 5)::int
            when 0 then chr(1 + (random() * 126)::int) when 1 then chr(160 + (random() * 50000)::int) when 2 then chr(65536 + (random() * 60000)::int)
            when 3 then '\"' when 4 then '\\' else left(md5(random()::text), 5) end, ''), '')
        from generate_series(1, (random() * 12)::int) $$";

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
    for (of, makes) in TYPES {
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
        let cast = if *of == "money" { "numeric::money" } else { of };
        let wrong = bed
            .client
            .query(
                &format!(
                    "select t.v::text, r.v from t full join (select unnest($1::int4[]) id, unnest($2::text[]) v) r using (id)
                     where t.v::text is distinct from r.v::{cast}::text limit 3"
                ),
                &[&ids, &values],
            )
            .await
            .unwrap_or_else(|e| panic!("{of}: {:?}", e.as_db_error()));
        let wrong: Vec<(Option<String>, Option<String>)> = wrong.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert!(wrong.is_empty(), "seed {seed}, {of}: {wrong:?}");
    }
}

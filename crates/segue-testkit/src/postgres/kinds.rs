//! One table with a column of each type of the server's, and values that nobody chose; and those that are at the edge of what a type keeps.

/// A type of the server's.
pub struct Typed {
    /// Its name.
    pub of: &'static str,
    /// An expression of the server's that makes one value of it ([`MAKERS`]); `n` is the row's number.
    pub makes: &'static str,
    /// The text as which a value `v` comes to a table that Segue makes. Most come as their own.
    pub comes: &'static str,
    /// Values that are seldom met, and what becomes of each.
    pub edges: &'static [(&'static str, Fate)],
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives as it is.
    Kept,
    /// It is set aside with its row, as it is read.
    Aside,
}

use Fate::{Aside, Kept};

const fn plain(of: &'static str, makes: &'static str, edges: &'static [(&'static str, Fate)]) -> Typed {
    Typed {
        of,
        makes,
        comes: "v::text",
        edges,
    }
}

const fn other(
    of: &'static str,
    makes: &'static str,
    comes: &'static str,
    edges: &'static [(&'static str, Fate)],
) -> Typed {
    Typed {
        of,
        makes,
        comes,
        edges,
    }
}

/// Types whose values come as themselves, or as their own text.
pub const PLAIN: &[Typed] = &[
    plain("bool", "random() < 0.5", &[]),
    plain("int2", "(random() * 65535 - 32768)::int2", &[("-32768", Kept)]),
    plain("int4", "('x' || left(r(), 8))::bit(32)::int4", &[("-2147483648", Kept)]),
    plain(
        "int8",
        "('x' || left(r(), 16))::bit(64)::int8",
        &[("-9223372036854775808", Kept)],
    ),
    plain(
        "oid",
        "(('x' || left(r(), 8))::bit(32)::int8 & 4294967295)::oid",
        &[("'4294967295'", Kept)],
    ),
    plain(
        "float4",
        "((random() - 0.5) * 10 ^ (random() * 70 - 35))::float4",
        &[("'NaN'", Kept), ("'-Infinity'", Kept), ("'-0'", Kept), ("1e-45", Kept)],
    ),
    plain(
        "float8",
        "(random() - 0.5) * 10 ^ (random() * 600 - 300)",
        &[("'NaN'", Kept), ("'Infinity'", Kept), ("'-0'", Kept), ("5e-324", Kept)],
    ),
    plain(
        "numeric",
        "(digits(60) || '.' || digits(60))::numeric * (random() - 0.5)::numeric",
        &[
            ("'NaN'", Kept),
            ("'-Infinity'", Kept),
            ("1.50", Kept),
            ("0.000", Kept),
            ("1e131071::numeric", Kept),
        ],
    ),
    plain(
        "numeric(38, 12)",
        "(left(digits(26), 26) || '.' || digits(12))::numeric(38, 12)",
        &[("'NaN'", Aside)],
    ),
    plain(
        "numeric(60, 30)",
        "(digits(30) || '.' || digits(30))::numeric(60, 30)",
        &[("'NaN'", Kept)],
    ),
    plain("numeric(6, -3)", "(digits(9))::numeric(6, -3)", &[]),
    plain("numeric(3, 6)", "('0.000' || digits(3))::numeric(3, 6)", &[]),
    plain("text", "words()", &[("''", Kept)]),
    plain("varchar(40)", "left(words(), 40)::varchar(40)", &[]),
    plain("name", "left(words(), 12)::name", &[]),
    plain(
        "bytea",
        "decode(repeat(r(), (random() * 3)::int), 'hex')",
        &[("''", Kept)],
    ),
    plain("uuid", "r()::uuid", &[]),
    plain(
        "json",
        "json_build_object(words(), array[random(), 1e300], 'n', null, '', json_build_array(words(), digits(30)::numeric))",
        &[("'null'", Kept), (r#"'{"a" : 1, "a":2}'"#, Kept)],
    ),
    plain(
        "jsonb",
        "jsonb_build_object(words(), array[random(), 1e300], 'n', null, '', jsonb_build_array(words(), digits(30)::numeric))",
        &[("'null'", Kept)],
    ),
    plain(
        "date",
        "date '4713-01-01 BC' + (random() * 5373400)::int",
        &[
            ("'infinity'", Aside),
            ("'-infinity'", Aside),
            ("'5874897-12-31'", Aside),
            ("'9999-12-31'", Kept),
            ("'0001-12-31 BC'", Kept),
            ("'4713-01-01 BC'", Kept),
        ],
    ),
    plain(
        "time",
        "time '00:00' + (random() * 86399999999)::int8 * interval '1 microsecond'",
        &[("'24:00'", Aside), ("'23:59:59.999999'", Kept)],
    ),
    plain(
        "timetz",
        "('12:00:00.' || digits(6) || '+' || lpad((random() * 14)::int::text, 2, '0'))::timetz",
        &[("'24:00:00-15:59'", Kept)],
    ),
    plain(
        "timestamp",
        "timestamp '4713-01-01 BC' + (random() * 5373400)::int * interval '1 day' + (random() * 86399999999)::int8 * interval '1 microsecond'",
        &[
            ("'infinity'", Aside),
            ("'294276-12-31 23:59:59.999999'", Aside),
            ("'0044-03-15 12:00 BC'", Kept),
        ],
    ),
    plain(
        "timestamptz",
        "timestamptz '4713-01-01 BC' + (random() * 5373400)::int * interval '1 day' + (random() * 86399999999)::int8 * interval '1 microsecond'",
        &[
            ("'-infinity'", Aside),
            ("'2024-03-31 02:30 Europe/Berlin'", Kept),
            ("'0044-03-15 12:00+09 BC'", Kept),
        ],
    ),
    plain(
        "interval",
        "(random() * 5000 - 2500)::int * interval '1 month' + (random() * 99 - 50)::int * interval '1 day' + (random() * 1e12 - 5e11)::int8 * interval '1 microsecond'",
        &[
            ("'-1 mon +1 day -00:00:00.000001'", Kept),
            ("'0'", Kept),
            ("'178000000 years'", Kept),
        ],
    ),
    plain("interval(3)", "random() * interval '9 days'", &[]),
    plain(
        "bit varying",
        "left(('x' || r())::bit(128)::text, (random() * 128)::int)::varbit",
        &[("''", Kept)],
    ),
    plain("bit(5)", "('x' || r())::bit(5)", &[]),
    plain(
        "inet",
        "host('::'::inet + (('x' || left(r(), 15))::bit(60)::int8))::inet",
        &[("'10.0.0.1/8'", Kept)],
    ),
    plain(
        "cidr",
        "('10.' || (random() * 255)::int || '.0.0/16')::cidr",
        &[("'::/0'", Kept)],
    ),
    plain("macaddr", "left(r(), 12)::macaddr", &[]),
    plain("macaddr8", "left(r(), 16)::macaddr8", &[]),
    plain(
        "int8range",
        "int8range(n, n + (random() * 1e6)::int8, '[]')",
        &[("'empty'", Kept), ("'(,)'", Kept)],
    ),
    plain(
        "tstzrange",
        "tstzrange(now() - random() * interval '9 years', null, '(]')",
        &[("'[-infinity,infinity]'", Kept), ("'[\"0044-03-15 BC\",)'", Kept)],
    ),
    plain(
        "nummultirange",
        "nummultirange(numrange(null, digits(9)::numeric * -1), numrange(digits(20)::numeric, null))",
        &[("'{}'", Kept)],
    ),
    plain(
        "tsvector",
        "to_tsvector('simple', words())",
        &[("'''it''''s'':1A,3 b'", Kept)],
    ),
    plain(
        "tsquery",
        "plainto_tsquery('simple', left(md5(random()::text), 5) || ' x')",
        &[("'a & !(b <-> c:*A)'", Kept)],
    ),
    plain(
        "point",
        "point(random() * 1e9, -random())",
        &[("'(NaN,-Infinity)'", Kept)],
    ),
    plain(
        "path",
        "path(polygon(n % 5 + 2, circle(point(random(), 1), 3)))",
        &[("'[(1,2),(3,4)]'", Kept)],
    ),
    plain("xml", "xmlelement(name a, left(r(), 5))", &[("'<a/>text<b/>'", Kept)]),
    plain("pg_lsn", "('0/' || left(r(), 7))::pg_lsn", &[]),
    plain("\"char\"", "'x'::\"char\"", &[]),
    plain(
        "int4[]",
        "array[('x' || left(r(), 8))::bit(32)::int4, null, 0]",
        &[("'{}'", Kept), ("'[0:1]={7,8}'", Aside), ("'{{1,2},{3,4}}'", Aside)],
    ),
    plain("text[]", "array[words(), null, '', 'NULL', '{', '\"', '\\']", &[]),
    plain(
        "numeric(20, 5)[]",
        "array[digits(14)::numeric, null, -0.00001]::numeric(20, 5)[]",
        &[("'{NaN}'", Aside)],
    ),
    plain(
        "timestamptz[]",
        "array[now() - random() * interval '1000 years', null]",
        &[("'{infinity}'", Aside)],
    ),
    plain("interval[]", "array[random() * interval '1 year', null]", &[]),
    plain("uuid[]", "array[r()::uuid]", &[]),
];

/// Types that come as something else: as JSON, without a currency, or with blanks that their own text leaves out. [`MADE`] makes some of them.
pub const OTHERS: &[Typed] = &[
    other(
        "money",
        "((random() - 0.5) * 1e12)::numeric::money",
        "v::numeric::text",
        &[("'-92233720368547758.08'", Kept)],
    ),
    other(
        "char(5)",
        "left(words(), 3)",
        "case when v is not null then concat(v) end",
        &[("'ab   '", Kept), ("''", Kept)],
    ),
    other(
        "mood",
        "(array['sad', 'so so', '\"']::mood[])[n % 3 + 1]",
        "v::text",
        &[],
    ),
    other("grade", "n % 6 + 1", "v::text", &[]),
    other("span", "random() * interval '1 day'", "v::text", &[]),
    other("label", "words()", "v::text", &[]),
    other(
        "pair",
        "row(digits(30)::numeric, words(), row(array[n, null], r()::uuid)::inner_pair, decode(r(), 'hex'))::pair",
        "to_json(v)::text",
        &[
            ("row(null, null, null, null)", Kept),
            ("row('NaN', '', row('{}', null)::inner_pair, '')", Kept),
            ("row(null, null, row('[0:0]={1}', null)::inner_pair, null)", Aside),
        ],
    ),
    other(
        "noted",
        "row('{\"a\" : [1, 2]}', array['{}', null]::json[], now())::noted",
        "to_json(v)::text",
        &[
            ("row(null, null, '-infinity')", Kept),
            ("row('null', null, null)", Aside),
            ("row(null, array['[1]']::json[], null)", Aside),
        ],
    ),
    other(
        "hstore",
        "hstore(array[words() || 1, 'b\"\\', ''], array[words(), null, '\"\\'])",
        "to_json(v)::text",
        &[("''", Kept)],
    ),
    other(
        "inet[]",
        "array[host('::'::inet + (random() * 1e9)::int8)::inet, null]",
        "v::text[]::text",
        &[("'[3:3]={::1}'", Aside)],
    ),
    other("mood[]", "array['sad', null, '\"']::mood[]", "v::text", &[]),
    other(
        "money[]",
        "array[(random() * 1e6)::numeric::money, null]",
        "(v::numeric[])::text",
        &[],
    ),
    other(
        "char(3)[]",
        "array['a', null, left(r(), 3)]::char(3)[]",
        "case when v is not null then (array(select case when e is not null then concat(e) end from unnest(v) e))::text end",
        &[],
    ),
    other(
        "pair[]",
        "array[row(n, words(), null, null), null]::pair[]",
        "to_json(v)::text",
        &[
            ("array[row(1, null, null, null), null]::pair[]", Kept),
            ("'[2:2]={\"(,,,)\"}'", Aside),
        ],
    ),
    other(
        "text[][]",
        "array[array[words(), null], array['', 'NULL']]",
        "to_jsonb(v)::text",
        &[("'{a}'", Aside), ("'{}'", Kept)],
    ),
    other(
        "float8[][]",
        "array[array[random(), null], array[-1e-300, 1e300]]",
        "to_jsonb(v)::text",
        &[],
    ),
    other(
        "numeric(9, 3)[][]",
        "array[array[random() * 99999, null], array[-1.5, 0]]::numeric(9, 3)[][]",
        "to_jsonb(v::text[])::text",
        &[],
    ),
    other(
        "inet[][]",
        "array[array['::1', null], array['10.0.0.1/8', '1.2.3.4']]::inet[][]",
        "to_jsonb(v::text[])::text",
        &[],
    ),
    other(
        "date[][]",
        "array[array[date '2000-01-01' + n, null]]",
        "to_jsonb(v)::text",
        &[],
    ),
    other(
        "bool[][][]",
        "array[array[array[true, null], array[false, n % 2 = 0]]]",
        "to_jsonb(v)::text",
        &[],
    ),
];

/// The types of [`OTHERS`] that the server does not have by itself.
pub const MADE: &str = r#"create extension if not exists hstore;
    create type mood as enum ('sad', 'so so', '"'); create domain grade as int4 check (value between 1 and 6);
    create domain span as interval(0); create domain label as text;
    create type inner_pair as (numbers int4[], no uuid); create type pair as (x numeric, "the Y" text, z inner_pair, bytes bytea);
    create type noted as (note json, notes json[], at timestamptz)"#;

/// What makes values: `r()` is another random text of 32 hexadecimal digits each time.
pub const MAKERS: &str = "
    create function r() returns text volatile language sql as $$ select md5(random()::text || clock_timestamp()::text) $$;
    create function digits(n int) returns text volatile language sql as
        $$ select left('1' || string_agg((random() * 9)::int::text, ''), n) from generate_series(1, n) $$;
    create function words() returns text volatile language sql as $$
        select coalesce(string_agg(case (random() * 5)::int
            when 0 then chr(1 + (random() * 126)::int) when 1 then chr(160 + (random() * 50000)::int) when 2 then chr(65536 + (random() * 60000)::int)
            when 3 then '\"' when 4 then '\\' else left(md5(random()::text), 5) end, ''), '')
        from generate_series(1, (random() * 12)::int) $$";

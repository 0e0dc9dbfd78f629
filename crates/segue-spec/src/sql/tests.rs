use super::{
    Catalog, Columns, Mistake, Table, Wanted, header, parse_condition, parse_query, resolve_condition, resolve_query,
};
use crate::name::AssetName;
use insta::assert_snapshot;

mod tpch;

struct Shop;

const TABLES: [(&str, Option<&[&str]>); 5] = [
    ("raw.artists", Some(&["id", "name", "popularity", "artistId"])),
    ("raw.tracks", Some(&["id", "artist_id", "name", "album"])),
    ("raw.orders", Some(&["id", "store", "amount", "created_at"])),
    ("raw.open", None),
    ("serving.related", Some(&[])),
];

impl Catalog for Shop {
    fn table(&self, name: &AssetName) -> Table {
        match TABLES.iter().find(|(n, _)| *n == name.as_str()) {
            Some(("serving.related", _)) => Table::Elsewhere("out".into()),
            Some((_, columns)) => Table::Lake(columns.map(|c| c.iter().map(|s| s.to_string()).collect())),
            None => Table::Missing,
        }
    }

    fn names(&self) -> Vec<&str> {
        TABLES.iter().map(|(n, _)| *n).collect()
    }

    fn is_found_by_name(&self, name: &AssetName) -> bool {
        name.as_str() != "raw.tracks"
    }
}

fn mistakes(text: &str, found: &[Mistake], out: &mut String) {
    for m in found {
        let hint = m.hint.as_ref().map_or(String::new(), |h| format!(" — {h}"));
        out.push_str(&format!(
            "{} at `{}`: {}{hint}\n",
            m.code,
            &text[m.bytes.clone()],
            m.message
        ));
    }
}

fn report_wanted(text: &str, wanted: Wanted<'_>) -> String {
    let mut out = String::new();
    match parse_query(text) {
        Err(mistake) => mistakes(text, &[mistake], &mut out),
        Ok(statement) => {
            let answer = resolve_query(&statement, &Shop, wanted);
            let reads: Vec<&str> = answer.reads.iter().map(|r| r.table.as_str()).collect();
            let columns = answer.columns.map_or("unknown".into(), |c| c.join(", "));
            out.push_str(&format!("reads {}; columns {columns}\n", reads.join(", ")));
            mistakes(text, &answer.mistakes, &mut out);
        }
    }
    out
}

fn report(text: &str) -> String {
    report_wanted(
        text,
        Wanted {
            table: true,
            bounded: None,
        },
    )
}

#[test]
fn right_queries_say_what_they_read_and_answer() {
    assert_snapshot!(report("select a.id, t.name as track from raw.artists a join raw.tracks t on t.artist_id = a.id order by track"), @r#"reads raw.artists, raw.tracks; columns id, track"#);
    assert_snapshot!(report("with x as (select id, name n from raw.artists), y(k) as (select id from x) select x.*, k from x, y where k = x.id"), @r#"reads raw.artists; columns id, n, k"#);
    assert_snapshot!(report("select id, album from raw.artists join raw.tracks using (id)"), @r#"reads raw.artists, raw.tracks; columns id, album"#);
    assert_snapshot!(report("select id, count(*) as n from raw.tracks group by id having n > 1 order by n desc, 1"), @r#"reads raw.tracks; columns id, n"#);
    assert_snapshot!(report("select id, (select max(t.name) from raw.tracks t where t.artist_id = a.id) as best from raw.artists a"), @r#"reads raw.tracks, raw.artists; columns id, best"#);
    assert_snapshot!(report("select id from raw.artists where exists (select 1 from raw.tracks where artist_id = raw.artists.id)"), @r#"reads raw.artists, raw.tracks; columns id"#);
    assert_snapshot!(report("select \"artistId\", album.name as album from raw.artists, raw.tracks"), @r#"reads raw.artists, raw.tracks; columns artistId, album"#);
    assert_snapshot!(report("select id, row_number() over (partition by name order by id) as rank from raw.artists"), @r#"reads raw.artists; columns id, rank"#);
    assert_snapshot!(report("select id, date_trunc('day', created_at) as day, extract(month from created_at) as m, interval '1 day' as i, current_date as d, cast(amount as double) as a from raw.orders"), @r#"reads raw.orders; columns id, day, m, i, d, a"#);
    assert_snapshot!(report("with recursive r as (select 1 as n union all select n + 1 from r where n < 5) select n from r"), @r#"reads ; columns n"#);
    assert_snapshot!(report("select n.id, n.distance from nearest(raw.artists, 'features', 10) n"), @r#"reads raw.artists; columns id, distance"#);
    assert_snapshot!(report("select * from nearest('raw.artists', vec, k => 10)"), @r#"reads raw.artists; columns unknown"#);
    assert_snapshot!(report("select * from read_csv('data.csv') c, raw.open o, generate_series(o.low, o.high) g"), @r#"reads raw.open; columns unknown"#);
    assert_snapshot!(report("select * from nearest((select id, name from raw.artists), 'id', 'name', 3)"), @r#"reads raw.artists; columns unknown"#);
    assert_snapshot!(report("select anything, o.more from raw.open o"), @r#"reads raw.open; columns anything, more"#);
    assert_snapshot!(report("select column1 as a from (values (1), (2))"), @r#"reads ; columns a"#);
    assert_snapshot!(report("select v.a from (values (1, 'x')) as v(a, b)"), @r#"reads ; columns a"#);
    assert_snapshot!(report("select * except (popularity) from raw.artists"), @r#"reads raw.artists; columns id, name, artistId"#);
    assert_snapshot!(report("select array_transform(list, x -> x + y) as l, struct_col['f'] as f from raw.open"), @r#"reads raw.open; columns l, f"#);
    assert_snapshot!(report("select id from raw.artists union all select artist_id from raw.tracks order by id"), @r#"reads raw.artists, raw.tracks; columns id"#);
    assert_snapshot!(report("select a.id from raw.artists a left semi join raw.tracks t on t.artist_id = a.id"), @r#"reads raw.artists, raw.tracks; columns id"#);
    assert_snapshot!(report("select a.id, x.id as xid from raw.artists a, lateral (select t.id from raw.tracks t where t.artist_id = a.id limit 1) x;"), @r#"reads raw.artists, raw.tracks; columns id, xid"#);
    assert_snapshot!(report("select a.id from raw.artists a join raw.tracks t on t.artist_id = a.id order by id"), @r#"reads raw.artists, raw.tracks; columns id"#);
    assert_snapshot!(report("select u.x from raw.artists a cross join unnest([1, 2]) as u(x)"), @r#"reads raw.artists; columns x"#);
    assert_snapshot!(report("select status, run_id from system.runs"), @r#"reads ; columns status, run_id"#);
    assert_snapshot!(report("select rows, value, \"date\", timestamp from raw.open"), @r#"reads raw.open; columns rows, value, date, timestamp"#);
    assert_snapshot!(report("select sum(amount) filter (where store = 'x') as s, first_value(id order by created_at) as f from raw.orders"), @r#"reads raw.orders; columns s, f"#);
    assert_snapshot!(report("select distinct on (store) store, id from raw.orders order by store, created_at desc"), @r#"reads raw.orders; columns store, id"#);
    assert_snapshot!(report("select id from (from raw.artists) x"), @r#"reads raw.artists; columns id"#);
    assert_snapshot!(report("from raw.artists |> where anything > 1 |> select other"), @r#"reads raw.artists; columns unknown"#);
    assert_snapshot!(report("select id, case when exists (select 1 from raw.tracks where artist_id = a.id) then 1 end as has from raw.artists a group by all"), @r#"reads raw.tracks, raw.artists; columns id, has"#);
    assert_snapshot!(report("select store, sum(amount) as amount from raw.orders group by rollup (store) having sum(amount) > 1 order by sum(amount)"), @r#"reads raw.orders; columns store, amount"#);
    assert_snapshot!(report("select id, lag(amount) over w as before from raw.orders window w as (partition by store order by created_at)"), @r#"reads raw.orders; columns id, before"#);
}

#[test]
fn what_is_found_by_name_is_read_and_has_columns() {
    assert_snapshot!(report("select * from resolve($text, 'raw.artists')"), @"reads raw.artists; columns id, name, alias, reason, score, popularity, sure");
    assert_snapshot!(report("select r.id, t.album from resolve('raw.tracks', raw.artists) as r join raw.tracks t on t.artist_id = r.id where sure"), @"reads raw.artists, raw.tracks; columns id, album");
    assert_snapshot!(report("select r.nam from resolve('x', 'raw.artists') r"), @r"
    reads raw.artists; columns nam
    SG0204 at `nam`: `r` has no column `nam` — did you mean `name`?
    ");
    assert_snapshot!(report("select name from resolve('x', 'raw.tracks')"), @r"
    reads raw.tracks; columns name
    SG1003 at `'raw.tracks'`: `raw.tracks` does not say how its rows are found by a name — write `find: { id: …, name: … }` into the file of `raw.tracks`, with its columns
    ");
    assert_snapshot!(report("select name from resolve('x', 'raw.artist')"), @r"
    reads ; columns name
    SG0203 at `'raw.artist'`: there is no table `raw.artist` — did you mean `raw.artists`?
    ");
    assert_snapshot!(report("select name from resolve('x', 'serving.related')"), @r"
    reads ; columns name
    SG0203 at `'serving.related'`: `serving.related` is not in the lake: it is written into `out` — read the asset that it is made from
    ");
}

#[test]
fn every_unknown_table_and_column_is_found_at_its_place() {
    assert_snapshot!(report("select id from raw.artist a join rew.tracks on true join artists on true join nowhere.x on true"), @r#"
    reads ; columns id
    SG0203 at `raw.artist`: there is no table `raw.artist` — did you mean `raw.artists`?
    SG0203 at `rew.tracks`: there is no table `rew.tracks` — did you mean `raw.tracks`?
    SG0203 at `artists`: there is no table `artists` — did you mean `raw.artists`?
    SG0203 at `nowhere.x`: there is no table `nowhere.x`
    "#);
    assert_snapshot!(report("select naem, a.poplarity, t.id from raw.artists a where idd > 1 group by artistId"), @r#"
    reads raw.artists; columns naem, poplarity, id
    SG0204 at `naem`: there is no column `naem` — did you mean `name`?
    SG0204 at `poplarity`: `a` has no column `poplarity` — did you mean `popularity`?
    SG0209 at `t`: no table here is called `t` — here are: `a`
    SG0204 at `idd`: there is no column `idd` — did you mean `id`?
    SG0204 at `artistId`: there is no column `artistid` — did you mean `"artistId"`?
    "#);
    assert_snapshot!(report("select artists.idd, raw.artists.nam from raw.artists"), @r#"
    reads raw.artists; columns unknown
    SG0204 at `idd`: `artists` has no column `idd` — did you mean `id`?
    SG0204 at `nam`: `raw.artists` has no column `nam` — did you mean `name`?
    "#);
    assert_snapshot!(report("select raw.artists.id from raw.artists a"), @r#"
    reads raw.artists; columns unknown
    SG0209 at `raw.artists`: no table here is called `raw.artists` — here are: `a`
    "#);
    assert_snapshot!(report("select id from raw.artists where name = \"Abba\""), @r#"
    reads raw.artists; columns id
    SG0204 at `"Abba"`: there is no column `Abba` — text stands in single quotes: 'Abba'
    "#);
    assert_snapshot!(report("with x as (select id from raw.artists) select name from x"), @r#"
    reads raw.artists; columns name
    SG0204 at `name`: there is no column `name` — there are: `id`
    "#);
    assert_snapshot!(report("select id as a from raw.artists where a > 1"), @r#"
    reads raw.artists; columns a
    SG0204 at `a`: there is no column `a` — there are: `id`, `name`, `popularity`, `artistId`
    "#);
    assert_snapshot!(report("select id from raw.artists a, raw.tracks t"), @r#"
    reads raw.artists, raw.tracks; columns id
    SG0212 at `id`: more than one table here has a column `id` — write the table's name or alias before it
    "#);
    assert_snapshot!(report("select z.* from raw.artists a join raw.tracks t using (album)"), @r#"
    reads raw.artists, raw.tracks; columns unknown
    SG0209 at `z`: no table here is called `z`
    SG0204 at `album`: not both sides of the join have a column `album`
    "#);
    assert_snapshot!(report("select x from serving.related, a.b.c"), @r#"
    reads ; columns x
    SG0203 at `serving.related`: `serving.related` is not in the lake: it is written into `out` — read the asset that it is made from
    SG0203 at `a.b.c`: there is no table `a.b.c`: a name is `schema.table`
    "#);
    assert_snapshot!(report("select a.id from raw.artists a where exists (select 1 from raw.tracks t where t.artist = a.idd)"), @r#"
    reads raw.artists, raw.tracks; columns id
    SG0204 at `artist`: `t` has no column `artist` — there are: `id`, `artist_id`, `name`, `album`
    SG0204 at `idd`: `a` has no column `idd` — did you mean `id`?
    "#);
    assert_snapshot!(report("select * from nearest('raw.artist', 'id', 'x', 3) a, nearest(rew.tracks, id, x, 3) b"), @r#"
    reads ; columns unknown
    SG0203 at `'raw.artist'`: there is no table `raw.artist` — did you mean `raw.artists`?
    SG0203 at `rew.tracks`: there is no table `rew.tracks` — did you mean `raw.tracks`?
    "#);
    assert_snapshot!(report("select foo"), @r#"
    reads ; columns foo
    SG0204 at `foo`: there is no column `foo`
    "#);
    assert_snapshot!(report("select id from raw.artists union select nam from raw.tracks"), @r#"
    reads raw.artists, raw.tracks; columns id
    SG0204 at `nam`: there is no column `nam` — did you mean `name`?
    "#);
}

#[test]
fn an_answer_that_becomes_a_table_needs_names() {
    assert_snapshot!(report("select id, count(*), amount + 1, id, sum(amount) as \"the sum\", 1 from raw.orders group by 1"), @r#"
    reads raw.orders; columns unknown
    SG0213 at `count`: column 2 of the answer has no name — give it one: `… as name`
    SG0213 at `amount + 1`: column 3 of the answer has no name — give it one: `… as name`
    SG0208 at `id`: two columns of the answer are called `id` — give one of them another name, or leave it out
    SG0213 at `"the sum"`: `the sum` is no name of a column: letters, digits and `_`, not beginning with a digit
    SG0213 at `1`: column 6 of the answer has no name — give it one: `… as name`
    "#);
    assert_snapshot!(report("select a.*, t.* from raw.artists a join raw.tracks t on true"), @r#"
    reads raw.artists, raw.tracks; columns id, name, popularity, artistId, id, artist_id, name, album
    SG0208 at `t`: two columns of the answer are called `id` — give one of them another name, or leave it out
    SG0208 at `t`: two columns of the answer are called `name` — give one of them another name, or leave it out
    "#);
    assert_snapshot!(report_wanted("select count(*) from raw.orders", Wanted::default()), @r#"reads raw.orders; columns unknown"#);
}

#[test]
fn what_is_not_one_query_is_refused_at_its_place() {
    let all = [
        "",
        "  ;",
        "insert into raw.a select 1",
        "drop table raw.a",
        "selct 1",
        "select 1; select 2",
        "select from where",
        "select a b c from t",
        "select 'x",
        "select id from raw.artists where id = {{ each.id }}",
        "select (1",
        "with x as select 1",
        "select 1 from raw.artists extra stuff",
        "select é,, 1 from raw.artists",
        "explain select 1",
    ];
    assert_snapshot!(all.map(report).join(""), @r#"
    SG0210 at ``: there is no statement — write a `select` after the header
    SG0210 at ``: there is no statement — write a `select` after the header
    SG0202 at `insert`: `insert` is no query — an asset is the answer of one `select`; how its rows are written is said by `write:`
    SG0202 at `drop`: `drop` is no query — an asset is the answer of one `select`; how its rows are written is said by `write:`
    SG0201 at `selct`: expected `select` or `with`, found `selct` — did you mean `select`?
    SG0202 at `select`: there is more than one statement — an asset is the answer of one query; put the other into an asset of its own
    reads ; columns unknown
    SG0203 at `where`: there is no table `where` — a table is named with its schema: `schema.table`
    SG0201 at `c`: expected the end of the statement, found `c`
    SG0201 at `'`: unterminated string literal
    SG0211 at `{{`: SQL is never a template — SQL takes parameters: `$from`, `$to`, and those that `params:` declares
    SG0201 at ``: expected ), found EOF
    SG0201 at `select`: expected (, found select
    SG0201 at `stuff`: expected the end of the statement, found `stuff`
    SG0201 at `,`: expected an expression, found ,
    SG0202 at `explain`: `explain` is no query — an asset is the answer of one `select`; how its rows are written is said by `write:`
    "#);
    let deep = format!("select {}1{}", "(".repeat(500), ")".repeat(500));
    assert_eq!(parse_query(&deep).unwrap_err().message, "this is nested too deep");
}

#[test]
fn the_ranged_input_must_be_bounded_where_it_is_read() {
    let table: AssetName = "raw.orders".parse().unwrap();
    let bounded = |text: &str| {
        report_wanted(
            text,
            Wanted {
                table: true,
                bounded: Some((&table, "created_at")),
            },
        )
    };
    let good = [
        "select id from raw.orders where created_at >= $from and created_at < $to",
        "select id from raw.orders o where ($to > o.created_at and o.created_at::date >= $from - interval '7 days') and store = 'x'",
        "select o.id from raw.artists a join raw.orders o on o.created_at >= $from and o.created_at < $to and a.id = o.id",
    ];
    assert_snapshot!(good.map(bounded).join(""), @r#"
    reads raw.orders; columns id
    reads raw.orders; columns id
    reads raw.artists, raw.orders; columns id
    "#);
    let bad = [
        "select id from raw.orders",
        "select id from raw.orders where created_at >= $from",
        "select id from raw.orders where created_at >= $from or created_at < $to",
        "select id from raw.orders where not (created_at >= $from and created_at < $to)",
        "select id from raw.orders o where created_at < $from and created_at > $to",
        "select a.id from raw.orders a join raw.orders b on true where a.created_at >= $from and a.created_at < $to",
        "with o as (select * from raw.orders) select id from o where created_at >= $from and created_at < $to",
    ];
    assert_snapshot!(bad.map(bounded).join(""), @r#"
    reads raw.orders; columns id
    SG0207 at `raw.orders`: `raw.orders` is the input of the range, and is read here without `created_at >= $from and created_at < $to` — bound it in the `where` of the very `select` that reads it, so that a range reads its own rows only
    reads raw.orders; columns id
    SG0207 at `raw.orders`: `raw.orders` is the input of the range, and is read here without `created_at < $to` — bound it in the `where` of the very `select` that reads it, so that a range reads its own rows only
    reads raw.orders; columns id
    SG0207 at `raw.orders`: `raw.orders` is the input of the range, and is read here without `created_at >= $from and created_at < $to` — bound it in the `where` of the very `select` that reads it, so that a range reads its own rows only
    reads raw.orders; columns id
    SG0207 at `raw.orders`: `raw.orders` is the input of the range, and is read here without `created_at >= $from and created_at < $to` — bound it in the `where` of the very `select` that reads it, so that a range reads its own rows only
    reads raw.orders; columns id
    SG0207 at `raw.orders`: `raw.orders` is the input of the range, and is read here without `created_at >= $from and created_at < $to` — bound it in the `where` of the very `select` that reads it, so that a range reads its own rows only
    reads raw.orders, raw.orders; columns id
    SG0207 at `raw.orders`: `raw.orders` is the input of the range, and is read here without `created_at >= $from and created_at < $to` — bound it in the `where` of the very `select` that reads it, so that a range reads its own rows only
    reads raw.orders; columns id
    SG0207 at `raw.orders`: `raw.orders` is the input of the range, and is read here without `created_at >= $from and created_at < $to` — bound it in the `where` of the very `select` that reads it, so that a range reads its own rows only
    "#);
}

#[test]
fn conditions() {
    let table: AssetName = "raw.artists".parse().unwrap();
    let one = |text: &str| {
        let mut out = String::new();
        match parse_condition(text) {
            Err(m) => mistakes(text, &[m], &mut out),
            Ok(c) => {
                let columns: Columns = Some(vec!["id".to_string(), "popularity".to_string()].into());
                mistakes(text, &resolve_condition(&c, &table, columns, &Shop).mistakes, &mut out);
            }
        }
        if out.is_empty() { "fine\n".into() } else { out }
    };
    let all = [
        "popularity >= 0 and artists.id is not null",
        "popularty > 0",
        "id in (select id from raw.artist)",
        "popularity >",
        "a = 1 group by 2",
        "",
        "1 = 1; drop",
    ];
    assert_snapshot!(all.map(one).join(""), @r#"
    fine
    SG0204 at `popularty`: there is no column `popularty` — did you mean `popularity`?
    SG0203 at `raw.artist`: there is no table `raw.artist` — did you mean `raw.artists`?
    SG0201 at ``: expected an expression, found EOF
    SG0201 at `group`: expected the end of the condition, found `group`
    SG0210 at ``: there is no condition
    SG0201 at `;`: expected the end of the condition, found `;`
    "#);
}

#[test]
fn tokens_know_no_space_comment_or_case() {
    let tokens = |text: &str| parse_query(text).unwrap().tokens.join(" ");
    let one = tokens("SELECT  Id, 'Text' -- why\n FROM raw.artists /* here */ where \"artistId\" = $from;");
    assert_snapshot!(one, @r#"select id , 'Text' from raw . artists where "artistId" = $from"#);
    assert_eq!(
        one,
        tokens("select id,'Text' from RAW.artists where \"artistId\"=$from")
    );
    assert_ne!(
        one,
        tokens("select id,'text' from raw.artists where \"artistId\"=$from")
    );
}

#[test]
fn the_header_is_the_first_comment() {
    let one = |text: &str| header(text).map(|h| format!("{:?} then {:?}", &text[h.yaml], &text[h.statement..]));
    assert_eq!(
        one("/* a: 1 */ select 1").as_deref(),
        Some("\" a: 1 \" then \" select 1\"")
    );
    assert_eq!(
        one("\u{feff}-- note\n\n/* a */select").as_deref(),
        Some("\" a \" then \"select\"")
    );
    assert_eq!(one("select 1 /* a */"), None);
    assert_eq!(one("-- a"), None);
    assert_eq!(one("/* a"), None);
}

#[test]
fn long_chains_do_not_overflow_the_stack() {
    let most = super::parse::MAX_WORDS;
    let chain = |word: &str, by: &str, words: usize| vec![word; most / words - 10].join(by);
    let right = [
        format!("select id from raw.artists where {}", chain("id = 1", " or ", 4)),
        chain("select 1 as a", " union ", 5),
        format!("select id{} as a from raw.artists", "::int".repeat(most / 2 - 10)),
        format!("select id from raw.artists where id in ({})", chain("1", ", ", 2)),
        format!("select {} as a from raw.artists", chain("id", " || ", 2)),
    ];
    for text in right {
        let statement = parse_query(&text).unwrap_or_else(|m| panic!("{}: {m:?}", &text[..40]));
        assert_eq!(resolve_query(&statement, &Shop, Wanted::default()).mistakes, []);
    }
    let text = format!("select id from raw.artists where {}", vec!["id = 1"; most].join(" or "));
    assert_eq!(
        parse_query(&text).unwrap_err().message,
        "this has more than 10000 words"
    );
}

//! Every type of PostgreSQL by values that nobody chose, there and back: straight and through the lake, into tables that Segue makes and into tables of the very
//! same types that somebody else made. The server says what is the same.

use crate::support::Project;
use segue_testkit::postgres::kinds::{Fate, MADE, MAKERS, OTHERS, PLAIN, Typed};
use segue_testkit::postgres::{Postgres, USER};

const ROWS: usize = 200;

/// The ways: the schema into which each goes, and the copy.
const WAYS: [(&str, &str); 4] = [
    ("straight", "{ from: shop, table: public.every }"),
    ("straight_same", "{ from: shop, table: public.every }"),
    ("lake", "{ from: lake, table: raw.every }"),
    ("lake_same", "{ from: lake, table: raw.every }"),
];

fn types() -> impl Iterator<Item = (String, &'static Typed)> {
    let all = PLAIN.iter().chain(OTHERS).enumerate();
    all.map(|(at, typed)| (format!("v{at}"), typed))
}

/// The values at the edge: each in a row of its own, whose number is this.
fn edges() -> impl Iterator<Item = (usize, String, &'static Typed, &'static str, Fate)> {
    let all = types().flat_map(|(column, typed)| {
        typed
            .edges
            .iter()
            .map(move |(value, fate)| (column.clone(), typed, *value, *fate))
    });
    all.enumerate()
        .map(|(at, (column, typed, value, fate))| (ROWS + 1 + at, column, typed, value, fate))
}

fn plainly(text: &str) -> String {
    format!("set timezone = 'UTC'; set intervalstyle = 'iso_8601'; set datestyle = 'ISO'; {text}")
}

/// The server and the database with the table in it, and a project of all ways.
fn world(database: &str) -> (std::sync::Arc<Postgres>, Project) {
    let server = Postgres::shared();
    server.sql("postgres", &format!("create database {database}"));
    server.sql(database, &format!("{MAKERS}; {MADE}"));
    let project = Project::empty();
    project.ok(&["init", "."]);
    let connection = format!(
        "connection: shop\nkind: postgres\nhost: 127.0.0.1\nport: {}\ndatabase: {database}\nuser: {USER}\n",
        server.port()
    );
    project.write("connections/shop.yaml", &connection);
    (server, project)
}

fn asset(schema: &str, copy: &str, table: &str) -> String {
    format!(
        "asset: {schema}.{table}\ncopy: {copy}\ninto: {{ connection: shop, table: {schema}.{table} }}\nwrite: {{ mode: replace, key: [id] }}\n"
    )
}

#[test]
fn every_type_comes_back_as_it_was() {
    let (server, project) = world("every_type");
    let sql = |sql: &str| server.sql("every_type", &plainly(sql));
    let columns: Vec<String> = types()
        .map(|(column, typed)| format!("{column} {}", typed.of))
        .collect();
    // Numbers that the server gives itself, and a column that it works out, beside.
    let columns = format!(
        "id int8 generated always as identity primary key, {}",
        columns.join(", ")
    );
    sql(&format!(
        "create table every ({columns}, made text generated always as ('no ' || id) stored)"
    ));
    let seed = f64::from(std::process::id() % 1000) / 1000.0;
    println!("seed {seed}");
    let names: Vec<String> = types().map(|(column, _)| column).collect();
    let values: Vec<String> = types()
        .map(|(_, typed)| format!("case when random() < 0.9 then {} end", typed.makes))
        .collect();
    sql(&format!(
        "select setseed({seed}); insert into every ({}) select {} from generate_series(1, {ROWS}) n",
        names.join(", "),
        values.join(", ")
    ));
    for (id, column, typed, value, _) in edges() {
        sql(&format!(
            "insert into every (id, {column}) overriding system value values ({id}, ({value})::{})",
            typed.of
        ));
    }
    project.write(
        "assets/raw/every.yaml",
        "asset: raw.every\ncopy: { from: shop, table: public.every }\nwrite: { mode: replace, key: [id] }\n",
    );
    for (schema, copy) in WAYS {
        project.write(&format!("assets/{schema}/every.yaml"), &asset(schema, copy, "every"));
    }
    project.ok(&["check"]);
    project.ok(&["run"]);
    // Somebody makes two of the tables anew, of the source's own types.
    for schema in ["straight_same", "lake_same"] {
        sql(&format!(
            "drop table {schema}.every; create table {schema}.every ({columns}, made text)"
        ));
    }
    project.ok(&["run", "--again"]);
    let aside: Vec<usize> = edges()
        .filter(|(.., fate)| *fate == Fate::Aside)
        .map(|(id, ..)| id)
        .collect();
    let is_aside = format!("array{aside:?}::int8[]");
    let mut wrong = Vec::new();
    for (schema, _) in WAYS {
        // Which rows are there at all.
        let ids = sql(&format!(
            "select coalesce(string_agg(s.id || case when t.id is null then ' is not there' else ' is there' end, ', '), '') from every s
                 left join {schema}.every t using (id) where (t.id is null) <> (s.id = any ({is_aside}))"
        ));
        if !ids.is_empty() {
            let of = |id: &str| {
                let id: usize = id.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
                let edge = edges().find(|(at, ..)| *at == id);
                edge.map_or(String::new(), |(_, _, typed, value, _)| format!("{} {value}", typed.of))
            };
            let each: Vec<String> = ids.split(", ").map(|id| format!("{id}: {}", of(id))).collect();
            wrong.push(format!("{schema}: {}", each.join("; ")));
        }
        let is_same = schema.ends_with("_same");
        for (column, typed) in types() {
            let (came, kept) = match is_same {
                true => (format!("s.{column}::text"), format!("t.{column}::text")),
                false => (
                    format!("(select {} from (select s.{column} as v) x)", typed.comes),
                    format!("t.{column}::text"),
                ),
            };
            let differ = sql(&format!(
                "select s.id, left({came}, 200), left({kept}, 200) from every s join {schema}.every t using (id)
                     where ({came}) collate \"C\" is distinct from ({kept}) collate \"C\" order by 1 limit 2"
            ));
            if !differ.is_empty() {
                wrong.push(format!("{schema}, {}: {differ}", typed.of));
            }
        }
        let made = sql(&format!(
            "select count(*) from every s join {schema}.every t using (id) where t.made <> s.made"
        ));
        assert_eq!(made, "0");
    }
    assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
    // The same again is no commit: what came back is what a later copy finds.
    let commits = || sql("select count(*) from _segue_commits");
    let before = commits();
    project.ok(&["run", "--again"]);
    assert_eq!(commits(), before);
}

/// What a column of somebody else's would bend is refused with the table as it was, by what its type is declared with, too.
#[test]
fn what_a_column_of_the_same_kind_would_bend_is_refused() {
    let (server, project) = world("bent_types");
    let sql = |text: &str| server.sql("bent_types", text);
    // There, what goes in, and the narrower one.
    let narrower = [
        ("numeric", "1.005", "numeric(10, 2)"),
        ("numeric", "'NaN'", "int4"),
        ("bit varying", "b'10101'", "bit(3)"),
        ("bit varying", "b'10101'", "bit varying(3)"),
        ("interval", "'1.5 seconds'", "interval(0)"),
        ("interval", "'1.5 seconds'", "span"),
        ("timestamptz", "'2024-01-01 00:00:00.5'", "timestamptz(0)"),
        ("timestamptz", "'2024-01-01 12:00+00'", "date"),
        ("time", "'10:00:00.000001'", "time(3)"),
        ("float8", "0.1", "float4"),
        ("text", "'abcdef'", "varchar(5)"),
        ("text", "'abcdef'", "char(5)"),
        ("text", "'abcdef'", "\"char\""),
        ("text", "repeat('x', 70)", "name"),
        ("numeric", "1.005", "money"),
        ("text[]", "array['abcdef']", "char(5)[]"),
        ("interval[]", "array['1.5 seconds'::interval]", "interval(0)[]"),
        ("json", "'{\"x\": 1}'", "pair"),
        ("json", "'{\"a\": {\"b\": 1}}'", "hstore"),
        ("text[][]", "array[array['abcdef']]", "char(3)[]"),
        ("bytea[][]", "array[array['\\xff'::bytea]]", "bytea[]"),
        ("timestamptz[][]", "array[array[now()]]", "timestamptz[]"),
    ];
    for (at, (wide, value, _)) in narrower.iter().enumerate() {
        sql(&format!(
            "create table wide{at} (id int4 primary key, v {wide}); insert into wide{at} values (1, ({value})::{wide})"
        ));
        let copy = format!("{{ from: shop, table: public.wide{at} }}");
        project.write(
            &format!("assets/there/wide{at}.yaml"),
            &asset("there", &copy, &format!("wide{at}")),
        );
    }
    sql("create table worked (id int4, v text); insert into worked values (1, 'x')");
    project.write(
        "assets/there/worked.yaml",
        &asset("there", "{ from: shop, table: public.worked }", "worked"),
    );
    project.ok(&["check"]);
    project.ok(&["run"]);
    // Somebody makes the tables anew; in one of them the server works a column out itself.
    for (at, (_, _, narrow)) in narrower.iter().enumerate() {
        sql(&format!(
            "drop table there.wide{at}; create table there.wide{at} (id int4 primary key, v {narrow})"
        ));
    }
    sql("drop table there.worked; create table there.worked (id int4, v text generated always as ('x') stored)");
    let said = project.segue(&["run", "--again"]).text();
    let mut wrong = Vec::new();
    for (at, (wide, value, narrow)) in narrower.iter().enumerate() {
        let name = format!("there.wide{at}: error[SG036");
        if !said.contains(&name) || sql(&format!("select count(*) from there.wide{at}")) != "0" {
            wrong.push(format!("{wide} {value} into {narrow}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{said}", wrong.join("\n"));
    assert!(
        said.contains("there.worked: error[SG0366]")
            && said.contains("column `v` is generated")
            && said.contains("leave it out"),
        "{said}"
    );
}

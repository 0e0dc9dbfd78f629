//! The tables that are moved: TPC-H's lineitem, one of 300 columns, one of long texts, and a thousand small ones.

use super::server::Server;
use super::tools::Tools;
use crate::process::{self, Failure};
use std::process::Command;

/// A kind of table.
pub struct Shape {
    pub name: &'static str,
    /// What the head of its figures says of it.
    about: &'static str,
    make: fn(&Tools<'_>, f64) -> Result<Vec<String>, Failure>,
}

/// Tables in one schema.
pub struct Tables {
    pub schema: &'static str,
    pub names: Vec<String>,
}

impl Tables {
    /// How many rows they have, from the line that their values were compared by.
    pub fn rows(&self, said: &str) -> u64 {
        said.split(' ').next().and_then(|rows| rows.parse().ok()).unwrap_or(0)
    }
}

pub const SHAPES: &[Shape] = &[
    Shape {
        name: "lineitem",
        about: "TPC-H lineitem: 16 columns, four of them exact numbers",
        make: lineitem,
    },
    Shape {
        name: "wide",
        about: "300 columns",
        make: wide,
    },
    Shape {
        name: "texts",
        about: "texts of 2 KB",
        make: texts,
    },
    Shape {
        name: "many",
        about: "small tables of 100 rows",
        make: many,
    },
];

impl Shape {
    /// What it is, at this scale.
    pub fn told(&self, scale: f64) -> String {
        format!("{}, scale {scale}", self.about)
    }

    /// Makes its tables, in a schema of its name, and leaves the server with nothing to do.
    pub fn make(&self, tools: &Tools<'_>, scale: f64) -> Result<Tables, Failure> {
        tools.server.sql(&format!("create schema {}", self.name))?;
        let names = (self.make)(tools, scale)?;
        for sql in ["vacuum analyze", "checkpoint"] {
            tools.server.sql(sql)?;
        }
        Ok(Tables {
            schema: self.name,
            names,
        })
    }

    /// Makes room for the next.
    pub fn drop(&self, server: &Server) -> Result<(), Failure> {
        // One by one: each takes locks until its end.
        server.sql(&format!(
            "do $$ declare t text; begin for t in select tablename from pg_tables where schemaname = '{0}' loop
               execute format('drop table {0}.%I', t); end loop; end $$",
            self.name
        ))
    }
}

const LINEITEM: &str = "create table lineitem.lineitem (
    l_orderkey bigint not null, l_partkey bigint not null, l_suppkey bigint not null, l_linenumber integer not null,
    l_quantity numeric(15,2) not null, l_extendedprice numeric(15,2) not null, l_discount numeric(15,2) not null,
    l_tax numeric(15,2) not null, l_returnflag char(1) not null, l_linestatus char(1) not null, l_shipdate date not null,
    l_commitdate date not null, l_receiptdate date not null, l_shipinstruct char(25) not null, l_shipmode char(10) not null,
    l_comment varchar(44) not null)";

fn lineitem(tools: &Tools<'_>, scale: f64) -> Result<Vec<String>, Failure> {
    tools.server.sql(LINEITEM)?;
    let psql = tools.server.psql();
    // Generated into the server, through no file.
    let mut load = Command::new("sh");
    load.args([
        "-c",
        r#""$1" csv -s "$2" -T lineitem --stdout | "$3" -X -q -v ON_ERROR_STOP=1 -c "$4""#,
        "sh",
    ])
    .arg(tools.python.with_file_name("tpchgen-cli"))
    .arg(scale.to_string())
    .arg(psql.get_program())
    .arg("copy lineitem.lineitem from stdin (format csv, header)")
    .envs(tools.server.variables());
    process::run(&mut load)?;
    tools
        .server
        .sql("alter table lineitem.lineitem add primary key (l_orderkey, l_linenumber)")?;
    Ok(vec!["lineitem".into()])
}

fn wide(tools: &Tools<'_>, scale: f64) -> Result<Vec<String>, Failure> {
    let column = |n: usize| match n % 7 {
        0 => format!("(i * {n} % 1000003)::int as c{n}"),
        1 => format!("i * {n} as c{n}"),
        2 => format!("(i * {n} % 9999999 / 100.0)::numeric(12,2) as c{n}"),
        3 => format!("substr(md5((i * {n})::text), 1, 4 + {n} % 13) as c{n}"),
        4 => format!("case when i % {n} <> 0 then date '2020-01-01' + (i * {n} % 3000)::int end as c{n}"),
        5 => format!("timestamptz '2020-01-01 00:00:00Z' + (i * {n} % 90000000) * interval '1.000001 s' as c{n}"),
        _ => format!("(i % {n}) * 0.25::float8 as c{n}"),
    };
    let columns: Vec<String> = (1..300).map(column).collect();
    let rows = (50_000.0 * scale).ceil();
    tools.server.sql(&format!(
        "create table wide.wide as select i as id, {} from generate_series(1::bigint, {rows}) i",
        columns.join(", ")
    ))?;
    Ok(vec!["wide".into()])
}

fn texts(tools: &Tools<'_>, scale: f64) -> Result<Vec<String>, Failure> {
    let rows = (100_000.0 * scale).ceil();
    // Words of a small language, so that texts compress as texts do.
    tools.server.sql(&format!(
        "create table texts.texts as select i as id, initcap(t.title) as title, t.body as body,
                case when i % 3 = 0 then substr(t.body, 1, 200) end as note
         from generate_series(1::bigint, {rows}) i, lateral (
             select string_agg(w, ' ') filter (where k <= 8) as title, string_agg(w, ' ') as body
             from (select k, chr(97 + h % 26) || substr(md5((h % 997)::text), 1, 2 + h % 9) as w
                   from (select k, abs(hashint4((i * 1009 + k)::int)) as h from generate_series(1, 100 + (i % 400)::int) k) n) w) t"
    ))?;
    Ok(vec!["texts".into()])
}

fn many(tools: &Tools<'_>, scale: f64) -> Result<Vec<String>, Failure> {
    let tables = (1000.0 * scale).ceil().min(1000.0) as u32;
    tools.server.sql(&format!(
        "do $$ begin for t in 1..{tables} loop
           execute format('create table many.t%s (id integer primary key, name text not null, amount numeric(12,2), at timestamptz, note text)', t);
           execute format('insert into many.t%s select i, ''name '' || i, i * %s / 100.0,
               timestamptz ''2024-01-01 00:00:00Z'' + i * interval ''1 hour'', repeat(''note '', i %% 5) from generate_series(1, 100) i', t, t);
         end loop; end $$"
    ))?;
    Ok((1..=tables).map(|t| format!("t{t}")).collect())
}

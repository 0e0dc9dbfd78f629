//! `segue copy` from PostgreSQL into a lake and out of the lake into PostgreSQL: what comes back is what went, by the server's own judgement.

use crate::copies::{changed, shop};
use crate::support::{Done, Project};
use segue_testkit::postgres::{Postgres, USER};

const SHOP: &str = "create table orders (id int8 primary key, name text, amount numeric(10, 2), at timestamptz, day date, no uuid, doc jsonb, tags text[], ok bool);
    insert into orders select n, case when n % 7 > 0 then 'name ' || n end, n / 7.0, timestamptz '2024-02-29 23:30:00+02' + n * interval '1 second',
        date '0044-03-15 BC' + n, md5(n::text)::uuid, jsonb_build_object('n', n, 'of', array[n, null]), array['a', null, '\"' || n], n % 3 > 0
        from generate_series(1, 2000) n;
    create table items (id int4, weight float8, data bytea);
    insert into items values (1, 'NaN', '\\x00ff'), (1, 'NaN', '\\x00ff'), (2, '-0', ''), (null, null, null);
    create table nothing (id int4 primary key, at timestamp)";

/// There and back again into this schema of the same database.
struct Ways {
    project: Project,
    address: String,
}

impl Ways {
    fn there(&self) -> Done {
        let words = ["--json", "copy", &self.address, "./lake", "--tables", "public.*"];
        self.project.segue(&words)
    }

    fn back(&self, more: &[&str]) -> Done {
        let words = ["--json", "copy", "./lake", &self.address, "--into-schema", "back"];
        self.project.segue(&[&words[..], more].concat())
    }
}

/// The tables of which anything is otherwise now.
fn moved(done: &Done) -> Vec<String> {
    let all = changed(done)
        .into_iter()
        .inspect(|line| assert!(line.contains(" done "), "{}", done.text()));
    let moved = all.filter(|line| !line.ends_with(" 0"));
    moved
        .map(|line| line.split(' ').next().unwrap_or_default().to_string())
        .collect()
}

/// Rows of one that the other has not, or not so often. Where the types are not the same, texts are compared.
fn differ(server: &Postgres, database: &str, table: &str, columns: &str) -> String {
    let one = |schema: &str| format!("select {columns} from {schema}.{table}");
    let (there, back) = (one("public"), one("back"));
    server.sql(
        database,
        &format!(
            "select (select count(*) from ({there} except all {back}) a) || ' ' || (select count(*) from ({back} except all {there}) b) || ' of ' ||
                (select count(*) from back.{table})"
        ),
    )
}

const ORDERS: &str = "id, name, amount, at, day, no, doc::text, tags, ok";

#[test]
fn what_was_copied_there_comes_back_as_it_was() {
    let server = Postgres::shared();
    let (project, address) = shop(&server, "there_and_back", SHOP);
    let ways = Ways { project, address };
    let differ = |table: &str, columns: &str| differ(&server, "there_and_back", table, columns);
    ways.there().ok();
    let orders = ways.back(&["--tables", "public.orders"]).ok();
    assert_eq!(changed(&orders), ["to_back.orders done 2000"]);
    assert_eq!(
        server.sql("there_and_back", "select to_regclass('back.items') is null"),
        "t",
        "that one alone"
    );
    assert_eq!(
        changed(&ways.back(&[]).ok()),
        [
            "to_back.items done 4",
            "to_back.nothing done 0",
            "to_back.orders done 0"
        ]
    );
    assert_eq!(differ("orders", ORDERS), "0 0 of 2000");
    assert_eq!(differ("items", "id, weight::text, data"), "0 0 of 4");
    assert_eq!(differ("nothing", "*"), "0 0 of 0");
    // The same again is no commit.
    let commits = || server.sql("there_and_back", "select count(*) from _segue_commits");
    let before = commits();
    ways.there().ok();
    ways.back(&[]).ok();
    assert_eq!((commits(), differ("orders", ORDERS)), (before, "0 0 of 2000".into()));
    // What changes there changes here, by the second copy.
    server.sql(
        "there_and_back",
        "update orders set amount = -1, doc = 'null' where id = 7; delete from orders where id > 1990; insert into orders (id) values (9999);
         insert into items values (3, 'Infinity', null)",
    );
    ways.there().ok();
    assert_eq!(moved(&ways.back(&[]).ok()), ["to_back.items", "to_back.orders"]);
    assert_eq!(differ("orders", ORDERS), "0 0 of 1991");
    assert_eq!(differ("items", "id, weight::text, data"), "0 0 of 5");
    // A state that is lost is read from the database, and nothing is doubled.
    std::fs::remove_dir_all(ways.project.file("home")).expect("the state is there");
    server.sql("there_and_back", "insert into items values (4, 1, null)");
    ways.there().ok();
    assert_eq!(moved(&ways.back(&[]).ok()), ["to_back.items"]);
    assert_eq!(differ("items", "id, weight::text, data"), "0 0 of 6");
}

#[test]
fn rows_come_back_by_their_key() {
    let server = Postgres::shared();
    let (project, address) = shop(&server, "back_merge", SHOP);
    let ways = Ways { project, address };
    ways.there().ok();
    let merge = ["--tables", "public.orders", "--mode", "merge", "--key", "id"];
    ways.back(&merge).ok();
    server.sql(
        "back_merge",
        "delete from orders where id = 1; update orders set name = 'Eve' where id = 2",
    );
    ways.there().ok();
    assert_eq!(moved(&ways.back(&merge).ok()), ["to_back.orders"]);
    assert_eq!(
        differ(&server, "back_merge", "orders", ORDERS),
        "0 1 of 2000",
        "a merge leaves what is gone"
    );
    let key = server.sql(
        "back_merge",
        "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'back.orders'::regclass",
    );
    assert_eq!(key, "PRIMARY KEY (id)");
}

/// Killed at each boundary of a commit, with the state on a machine that is lost.
#[test]
fn a_copy_back_that_is_killed_is_made_whole() {
    let server = Postgres::shared();
    let (project, address) = shop(&server, "back_killed", SHOP);
    let ways = Ways { project, address };
    for (at, boundary) in ["sql.staged", "commit.prepared", "commit.sql", "commit.marked"]
        .into_iter()
        .enumerate()
    {
        server.sql(
            "back_killed",
            &format!("insert into orders (id) values ({})", 5000 + at),
        );
        ways.there().ok();
        let words = [
            "copy",
            "./lake",
            &ways.address,
            "--into-schema",
            "back",
            "--tables",
            "orders",
        ];
        let mut command = ways.project.command(&words);
        command.env("SEGUE_FAULT", format!("{boundary}:1:kill"));
        let killed = Done::of(command.output().expect("it starts"));
        assert_ne!(killed.code, Some(0), "{boundary}: {}", killed.text());
        if at % 2 == 1 {
            std::fs::remove_dir_all(ways.project.file("home")).expect("the state is there");
        }
        ways.back(&["--tables", "orders"]).ok();
        assert_eq!(
            differ(&server, "back_killed", "orders", ORDERS),
            format!("0 0 of {}", 2001 + at),
            "{boundary}"
        );
        let left = server.sql("back_killed", r"select count(*) from pg_class where relkind = 'r' and relname like '\_segue\_%' and relname not in ('_segue_heads', '_segue_commits')");
        assert_eq!(left, "0", "{boundary}");
    }
}

#[test]
fn what_does_not_come_back_says_why() {
    let server = Postgres::shared();
    let (project, address) = shop(&server, "back_refused", SHOP);
    let ways = Ways { project, address };
    ways.there().ok();
    let none = ways.back(&["--tables", "public.ordrs"]).ended(4);
    assert!(none.err.contains("did you mean `public.orders`?"), "{}", none.text());
    let nowhere = ways.address.replace("back_refused", "back_nowhere");
    let none = ways.project.segue(&["copy", "./lake", &nowhere]).ended(4);
    assert!(
        none.err.contains("SG0364") && none.err.contains("back_nowhere"),
        "{}",
        none.text()
    );
    // Somebody who may not write there.
    server.sql("back_refused", "create role bo login");
    let bo = ways.address.replacen(&format!("{USER}@"), "bo@", 1);
    let denied = ways
        .project
        .segue(&["copy", "./lake", &bo, "--into-schema", "back"])
        .ended(3);
    assert!(denied.text().contains("SG0363"), "{}", denied.text());
    // A table of somebody else's is never taken over, and never altered.
    server.sql(
        "back_refused",
        "create schema other; create table other.orders (id int8, note text not null)",
    );
    let other = ways.project.segue(&[
        "copy",
        "./lake",
        &ways.address,
        "--tables",
        "orders",
        "--into-schema",
        "other",
    ]);
    let told = other.ended(5);
    assert!(
        told.text().contains("SG0517") && told.text().contains("move that table away"),
        "{}",
        told.text()
    );
    assert_eq!(server.sql("back_refused", "select count(*) from other.orders"), "0");
}

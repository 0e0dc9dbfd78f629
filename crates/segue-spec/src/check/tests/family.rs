//! Files that stand for many assets: what is right of them, and what cannot be meant.

use super::{connectors, lines, shop};
use crate::{ConnectorSchema, Files, Project, check};
use insta::assert_snapshot;
use serde_json::json;

/// The small project with a database that has tables, and this asset.
fn with(text: &str, more: &[(&str, &str)]) -> (Option<Project>, String) {
    let mut files: Vec<(&str, &str)> = shop();
    files.push(("connections/db.yaml", "connection: db\nkind: postgres\n"));
    files.push(("assets/many.yaml", text));
    files.extend(more);
    let files: Files = files.into_iter().collect();
    let mut schemas = connectors();
    schemas.push(ConnectorSchema {
        kind: "postgres",
        connection: json!({ "type": "object" }),
        copy: json!({ "type": "object", "properties": { "table": { "type": "string" }, "query": { "type": "string" } } }),
        into: None,
    });
    let (project, found) = check(&files, &schemas);
    (project, lines(&found, &files))
}

fn told(text: &str) -> String {
    with(text, &[]).1
}

#[test]
fn a_file_stands_for_many_assets() {
    let text = "asset: raw.db_*\nowner: me\ncopy:\n  from: db\n  tables: [\"public.*\", sales.totals]\n  except: public.logs\n  on_new_table: freeze\n  on_new_column: evolve\nwrite: { mode: merge }\n";
    // What reads one of them cannot know its columns.
    let reader = ("assets/r.sql", "/* asset: music.r */\nselect a, b from raw.db_orders");
    let (project, found) = with(text, &[reader]);
    assert_eq!(found, "");
    let project = project.expect("it can be read");
    let family = &project.families[0];
    assert!(family.takes("public", "orders") && family.takes("sales", "totals"));
    assert!(!family.takes("public", "logs") && !family.takes("sales", "orders"));
    let name = family.name.of("public", "Orders").expect("a name");
    let member = family.member(name, "public.\"Orders\"", &["id".to_string()]);
    assert_eq!(member.name.as_str(), "raw.db_orders");
    assert_eq!(member.write.key, ["id"]);
    let crate::model::How::Copy(copy) = &member.how else {
        panic!("it is a copy")
    };
    assert_eq!(copy.settings, json!({ "table": "public.\"Orders\"" }));
    // A name that none of them can have is unknown as ever.
    let (_, found) = with(
        text,
        &[("assets/r.sql", "/* asset: music.r */\nselect a from raw.orders_db")],
    );
    assert_snapshot!(found, @r##"SG0203 assets/r.sql:2 `raw.orders_db`: there is no table `raw.orders_db` — did you mean `raw.orders`?"##);
}

/// The data hash of a family's asset is that of one with a file of its own: either can take the other's place.
#[test]
fn a_member_is_as_one_of_its_own() {
    let (project, _) = with("asset: raw.db_*\ncopy: { from: db, tables: \"public.*\" }\n", &[]);
    let family = &project.expect("it can be read").families[0];
    let name = family.name.of("public", "orders").expect("a name");
    let member = family.member(name, "public.orders", &[]);
    let (project, _) = with("asset: raw.db_orders\ncopy: { from: db, table: public.orders }\n", &[]);
    let own = &project.expect("it can be read").assets[&member.name];
    assert_eq!(crate::hash::data_hash(&member), crate::hash::data_hash(own));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let all = [
        told("asset: raw.*\ncopy: { from: db, table: public.orders }\n"),
        told("asset: raw.many\ncopy: { from: db, tables: \"public.*\" }\n"),
        told("asset: raw.**\ncopy: { from: db, tables: \"public.*\" }\n"),
        told("asset: raw.*\ncopy: { from: db, tables: \"a.b.c\", except: [] }\n"),
        told("asset: raw.*\ncopy: { from: db, tables: \"public.*\", on_new_table: ask }\n"),
        told("asset: raw.x\ncopy: { from: db, table: a, except: b, on_new_table: freeze }\n"),
        told(
            "asset: raw.*\ncopy: { from: db, tables: \"public.*\", table: a, columns: { id: {} } }\nrenamed_from: raw.y\nfind: { id: id, name: name }\n",
        ),
        told("asset: raw.*\ncopy: { from: db, tables: \"public.*\" }\ninto: { connection: out, table: x }\n"),
        told("asset: raw.*\ncopy: { from: files, path: x.csv, tables: \"*\" }\n"),
        with(
            "asset: raw.*\ncopy: { from: db, tables: \"public.*\" }\n",
            &[(
                "assets/more.yaml",
                "asset: raw.*\ncopy: { from: db, tables: \"sales.*\" }\n",
            )],
        )
        .1,
    ];
    assert_snapshot!(all.join("\n"), @r#"
    SG0108 assets/many.yaml:1 `raw.*`: `raw.*` names many assets, and there is no `tables` — write `copy: { from: CONNECTION, tables: "public.*" }`, or name one asset
    SG0115 assets/many.yaml:1 `raw.many`: `raw.many` names one asset, and `tables` makes one of each table — write `*` for the table's name: `asset: raw.*`
    SG0115 assets/many.yaml:1 `raw.**`: `raw.**` is no name of many assets: it is `schema.*`, with one `*` for the table, and no other but for the schema
    SG0115 assets/many.yaml:2 `"a.b.c"`: `a.b.c` is no pattern of tables: it has more parts than `schema.table`
    SG0111 assets/many.yaml:2 `[]`: `except` is a list with nothing in it
    SG0110 assets/many.yaml:2 `ask`: `on_new_table` cannot be `ask` — write `evolve`, `freeze`, `quarantine` or `drop_value`
    SG0108 assets/many.yaml:2 `except`: `except` without `tables` — write `tables:`, or leave it out
    SG0108 assets/many.yaml:2 `on_new_table`: `on_new_table` without `tables` — write `tables:`, or leave it out
    SG0120 assets/many.yaml:2 `table`: `tables` and `table` cannot stand beside each other — write one of them
    SG0129 assets/many.yaml:2 `columns`: `columns` beside `tables` is not acted on by this version: it is one table's — give the table that needs it a file of its own, which is taken instead of this one
    SG0129 assets/many.yaml:3 `renamed_from`: `renamed_from` of many assets is not acted on by this version — give the table that needs it a file of its own, which is taken instead of this one
    SG0129 assets/many.yaml:4 `find`: `find` of many assets is not acted on by this version — give the table that needs it a file of its own, which is taken instead of this one
    SG0130 assets/many.yaml:4 `name`: the asset has no column `name` — there are: `id`
    SG0115 assets/many.yaml:3 `x`: every one of many assets would write into this table — write one `*` for the table's name: `table: "*"`
    SG0107 assets/many.yaml:2 `tables`: `copy` has no key `tables` — the keys here are: `from`, `for_each`, `slice`, `columns`, `keep_raw`, `position`, `on_new_column`, `on_type_change`, `path`, `format`, `header`, `delimiter`, `quote`
    SG0123 assets/more.yaml:1 `raw.*`: `raw.*` is there twice — put the tables of both into one file, or write `raw.shop_*`
    "#);
}

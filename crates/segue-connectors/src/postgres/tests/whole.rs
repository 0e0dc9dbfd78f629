//! What a source says of its rows as a whole: that all of them came, and that no two have one key.

use super::*;

/// Policies hide rows from this user: some of them are never taken for all.
#[tokio::test]
async fn rows_that_a_policy_hides_are_not_left_out_in_silence() {
    let bed = Bed::new(&format!(
        "{ORDERS}; create role seller login; grant select on orders to seller; alter table orders enable row level security;
         create policy own on orders for select to seller using (id = 1);
         create view mine as select * from orders; alter view mine owner to seller; grant create, usage on schema public to seller"
    ))
    .await;
    let mut settings = bed.settings();
    settings["user"] = json!("seller");
    let seller = source(settings).unwrap();
    let ask = async |copy: Value| told(&seller, request(copy, ReadSchema::default()), &bed.ctx).await;
    for copy in [
        json!({ "table": "orders" }),
        json!({ "table": "orders", "position": { "column": "at", "may_repeat": false } }),
    ] {
        let refused = ask(copy).await;
        assert!(
            refused.contains("Denied[SG0363]") && refused.contains("row-level security"),
            "{refused}"
        );
    }
    // What a query or a view shows is what was asked for.
    let seen = ask(json!({ "query": "select id from orders" })).await;
    assert_eq!(seen, "id int64\n1\ndone");
    let seen = ask(json!({ "table": "mine" })).await;
    assert!(seen.ends_with("1 | Ada | 12.50 | 2024-02-29T21:30:00Z\ndone"), "{seen}");
    // Whoever may see all of it reads all of it.
    bed.sql("alter role seller bypassrls").await;
    assert!(ask(json!({ "table": "orders" })).await.contains("\n2 | "));
}

#[tokio::test]
async fn a_table_says_that_no_two_rows_have_one_key_where_it_keeps_them_from_it() {
    let bed = Bed::new(
        "create table things (id int8 primary key, name text unique, code text not null unique, part int8 not null, at timestamptz not null);
         create unique index by_part on things (part, at);
         create table parents (id int8 primary key); create table children (primary key (id)) inherits (parents)",
    )
    .await;
    let unique = async |copy: Value, key: &[&str], schema: ReadSchema| {
        let mut request = request(copy, schema);
        request.key = key.iter().map(|k| k.to_string()).collect();
        let said = told(&bed.source(), request, &bed.ctx).await;
        assert!(said.ends_with("done"), "{said}");
        said.contains("Unique")
    };
    let found = || ReadSchema::default();
    let things = || json!({ "table": "things" });
    assert!(unique(things(), &["id"], found()).await);
    assert!(unique(things(), &["code"], found()).await);
    assert!(unique(things(), &["at", "part"], found()).await);
    assert!(unique(things(), &["id", "part"], found()).await, "more than enough");
    assert!(
        !unique(things(), &["id", "name"], found()).await,
        "a part of it may be empty"
    );
    assert!(!unique(things(), &[], found()).await);
    assert!(!unique(things(), &["name"], found()).await, "it may be empty");
    assert!(!unique(things(), &["part"], found()).await);
    assert!(
        !unique(json!({ "table": "parents" }), &["id"], found()).await,
        "its children have their own"
    );
    assert!(!unique(json!({ "query": "select * from things" }), &["id"], found()).await);
    // Read as something else, two values may be one.
    let otherwise = ReadSchema {
        columns: Some(vec![Column {
            name: "id".into(),
            of: Type::String,
            required: false,
            path: None,
            value: None,
        }]),
        declared: true,
        ..ReadSchema::default()
    };
    assert!(!unique(things(), &["id"], otherwise).await);
    // What goes on from another read may come again.
    let onwards = json!({ "table": "things", "position": { "column": "at", "may_repeat": true } });
    assert!(!unique(onwards, &["id"], found()).await);
}

use super::*;
use crate::engine::tests::{Bench, asked_with, bench, query, refused};
use segue_core::engine::{Engine, Query, Relation};

/// The query with a view of this name and SQL over its own tables.
async fn with_view(bench: &Bench, question: Query, name: &str, sql: &str) -> Query {
    let engine: Arc<dyn Engine> = Arc::new(crate::LocalEngine::new(crate::LocalOptions {
        spill: bench.spill.path().join("views"),
        partitions: 1,
        names: crate::NameOptions::default(),
    }));
    let inner = Query {
        sql: sql.to_string(),
        ..question.clone()
    };
    let view: Arc<dyn Relation> = Arc::new(View::of(inner, engine, &bench.ctx).await.unwrap());
    let mut question = question;
    question.tables.insert(TableKey::new("v", name), view);
    question
}

#[tokio::test]
async fn a_view_is_read_as_a_table_alone_and_joined() {
    let bench = bench();
    let sql = "select id, name, row_number() over (order by id) as place from raw.artists where name is not null";
    let question = with_view(&bench, query(""), "named", sql).await;
    let ask = async |sql: &str| {
        let question = Query {
            sql: sql.to_string(),
            ..question.clone()
        };
        asked_with(&bench, &question).await
    };
    let all = ask("select * from v.named order by id").await;
    assert!(all.contains("IU") && all.contains("(2 rows)"), "{all}");
    // Whole numbers without a sign are as a table keeps them: less than nothing is no mistake.
    let less = ask("select place - 5 as less from v.named order by 1 limit 1").await;
    assert!(less.contains("-4"), "{less}");
    let joined = ask("select n.name, count(*) as plays from v.named n join raw.plays p on p.artist_id = n.id group by n.name order by 1").await;
    assert!(
        joined.contains("IU   |     2") && joined.contains("Zico |     1"),
        "{joined}"
    );
    let twice = ask("select count(*) as n from v.named a, v.named b").await;
    assert!(twice.contains('4'), "{twice}");
    let described = bench
        .engine
        .describe(
            &Query {
                sql: "select name from v.named".into(),
                ..question.clone()
            },
            &bench.ctx,
        )
        .await
        .unwrap();
    assert_eq!(described.reads, [TableKey::new("v", "named")]);
}

#[tokio::test]
async fn views_stand_on_views_up_to_a_depth() {
    let bench = bench();
    let mut question = with_view(&bench, query(""), "v0", "select id from raw.artists").await;
    for at in 1..MOST_DEEP {
        question = with_view(
            &bench,
            question,
            &format!("v{at}"),
            &format!("select id from v.v{}", at - 1),
        )
        .await;
    }
    let ask = |name: usize| Query {
        sql: format!("select count(*) as n from v.v{name}"),
        ..question.clone()
    };
    assert!(asked_with(&bench, &ask(MOST_DEEP - 1)).await.contains('3'));
    // One more is too many, where it is planned: as the view of it is made.
    let engine: Arc<dyn Engine> = Arc::new(crate::LocalEngine::new(crate::LocalOptions {
        spill: bench.spill.path().join("views"),
        partitions: 1,
        names: crate::NameOptions::default(),
    }));
    let view: Arc<dyn Relation> = Arc::new(View::of(ask(MOST_DEEP - 1), engine, &bench.ctx).await.unwrap());
    let mut deeper = ask(0);
    deeper.sql = "select * from v.deeper".into();
    deeper.tables.insert(TableKey::new("v", "deeper"), view);
    let error = refused(&bench, &deeper).await;
    assert_eq!(error.error_code(), Some(segue_diag::SQL_TOO_DEEP));
}

#[tokio::test]
async fn what_a_reader_writes_wrong_of_a_view_is_told_as_of_a_table() {
    let bench = bench();
    let mut question = with_view(&bench, query(""), "named", "select id from raw.artists").await;
    question.sql = "select nam from v.named".into();
    let error = refused(&bench, &question).await;
    assert_eq!(error.error_code(), Some(segue_diag::SQL_UNKNOWN_COLUMN));
    // A table behind a view is no table of the reader's.
    question.tables.remove(&TableKey::new("raw", "artists"));
    question.sql = "select * from raw.artists".into();
    assert_eq!(
        refused(&bench, &question).await.error_code(),
        Some(segue_diag::SQL_UNKNOWN_TABLE)
    );
    question.sql = "select count(*) as n from v.named".into();
    assert!(asked_with(&bench, &question).await.contains('3'));
}

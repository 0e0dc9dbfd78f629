//! Runs of small projects, as their reports and the state tell them.

use super::{Request, run};
use crate::report::RunReport;
use crate::testing::World;
use segue_core::{AssetName, Kind, Slice};
use segue_testkit::source::{MemSource, Says};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const LEFT: (&str, &str) = (
    "assets/raw/left.yaml",
    "asset: raw.left\ncopy: { from: api, columns: { id: { type: string, required: true } } }\nCHECKS",
);
const SUM: (&str, &str) = (
    "assets/music/sum.sql",
    "/* asset: music.sum */\nselect count(*) as n from raw.left",
);
const ALONE: (&str, &str) = (
    "assets/raw/alone.yaml",
    "asset: raw.alone\nfresh: 1d\ncopy:\n  from: api\n  for_each: { list: [ { id: a }, { id: b }, { id: c }, { id: d }, { id: e } ] }\n  slice: [id]\n  columns: { id: { type: string } }\n",
);

async fn world(checks: &str, source: &Arc<MemSource>) -> World {
    let left = LEFT.1.replace("CHECKS", checks);
    World::new(&[(LEFT.0, &left), SUM, ALONE], source).await
}

fn is_slice(slice: &Slice, id: &str) -> bool {
    slice.values.get("id").is_some_and(|v| v == id)
}

fn row(slice: &Slice) -> Vec<Says> {
    let id = slice.values.get("id").cloned().unwrap_or(json!("x"));
    vec![Says::Rows(vec![json!({ "id": id })])]
}

async fn everything(world: &World) -> RunReport {
    world.pass(Duration::from_secs(1));
    let assets: Vec<AssetName> = ["raw.left", "music.sum", "raw.alone"]
        .iter()
        .map(|n| n.parse().unwrap())
        .collect();
    let request = Request {
        kind: "run".into(),
        assets,
        ..Request::default()
    };
    run(&world.deps, &request, &world.ctx()).await.unwrap()
}

/// How each step ended, by name, the run's word and its exit code; and what the state remembers of the same.
async fn told(world: &World, report: &RunReport) -> String {
    let mut lines: Vec<String> = report
        .steps
        .iter()
        .map(|s| format!("{} {}", s.name, s.ended.word()))
        .collect();
    lines.sort();
    let steps = world.deps.store.steps(report.run).await.unwrap();
    let mut kept: Vec<String> = steps
        .iter()
        .map(|s| {
            format!(
                "{} {}",
                s.row.name,
                s.end.as_ref().map_or("open", |e| e.outcome.as_str())
            )
        })
        .collect();
    kept.sort();
    kept.dedup();
    let outcome = world
        .deps
        .store
        .run(report.run)
        .await
        .unwrap()
        .unwrap()
        .outcome
        .unwrap();
    format!(
        "{}\n{} ({}), remembered as {outcome}: {}",
        lines.join("\n"),
        report.word(),
        report.exit_code(),
        kept.join(", ")
    )
}

#[tokio::test]
async fn a_run_does_everything_in_order_and_is_remembered() {
    let source = MemSource::new(row);
    let world = world("", &source).await;
    insta::assert_snapshot!(told(&world, &everything(&world).await).await, @r"
    music.sum done
    raw.alone done
    raw.left done
    done (0), remembered as done: music.sum done, raw.alone done, raw.left done
    ");
    insta::assert_snapshot!(world.table("music.sum").await, @"1");
}

#[tokio::test]
async fn what_depends_on_a_failed_step_is_skipped_and_nothing_else() {
    let source = MemSource::new(|s| {
        if s.labels.is_none() {
            vec![Says::Breaks(Kind::Denied)]
        } else {
            row(s)
        }
    });
    let world = world("", &source).await;
    insta::assert_snapshot!(told(&world, &everything(&world).await).await, @r"
    music.sum skipped
    raw.alone done
    raw.left failed
    failed (3), remembered as failed: music.sum skipped, raw.alone done, raw.left failed
    ");
}

#[tokio::test]
async fn what_keeps_a_step_from_beginning_is_remembered_and_told() {
    let source = MemSource::new(row);
    let mut world = world("", &source).await;
    everything(&world).await;
    // Another state on the same lake: the tables that are there are not its own.
    world.forget().await;
    let report = everything(&world).await;
    insta::assert_snapshot!(told(&world, &report).await, @r"
    music.sum skipped
    raw.alone failed
    raw.left failed
    failed (5), remembered as failed: music.sum skipped, raw.alone failed, raw.left failed
    ");
    let steps = world.deps.store.steps(report.run).await.unwrap();
    assert!(
        steps.iter().all(|s| s.row.asset.is_none()),
        "none was ever written down"
    );
    let error = steps[1].end.as_ref().unwrap().error.clone().unwrap();
    assert_eq!(error["code"], "SG0516");
    let said = world.deps.store.logs(report.run, Some("raw.left")).await.unwrap();
    assert!(said[0].message.contains("that this state does not know"), "{said:?}");
}

#[tokio::test]
async fn a_step_counts_what_it_counted_for_the_state_too() {
    let source = MemSource::new(|s| [row(s), row(s)].concat());
    let world = world("", &source).await;
    let report = everything(&world).await;
    let steps = world.deps.store.steps(report.run).await.unwrap();
    let alone = steps.iter().find(|s| s.row.name.to_string() == "raw.alone").unwrap();
    let end = alone.end.as_ref().unwrap();
    assert_eq!(
        (end.commits, end.slices_listed, end.slices_gone),
        (Some(1), Some(5), Some(0))
    );
}

#[tokio::test]
async fn a_partial_step_gives_8_and_a_failed_check_9() {
    let parks = |s: &Slice| {
        if is_slice(s, "a") {
            vec![Says::Parked(None)]
        } else {
            row(s)
        }
    };
    let source = MemSource::new(parks);
    let partial = world("", &source).await;
    insta::assert_snapshot!(told(&partial, &everything(&partial).await).await, @r"
    music.sum done
    raw.alone partial
    raw.left done
    partial (8), remembered as partial: music.sum done, raw.alone partial, raw.left done
    ");
    let checked = world("checks: [ { row_count: { min: 2 } } ]\n", &source).await;
    assert_eq!(everything(&checked).await.exit_code(), 9);
}

#[tokio::test]
async fn a_transient_failure_is_tried_again_and_what_was_read_is_not() {
    let source = MemSource::new(|s| {
        if is_slice(s, "c") {
            vec![Says::Breaks(Kind::Unavailable)]
        } else {
            row(s)
        }
    });
    let world = world("", &source).await;
    let mending = async {
        while source.asked_so_far("id=c") == 0 {
            tokio::task::yield_now().await;
        }
        source.now_says(row);
        loop {
            world.pass(Duration::from_millis(100));
            tokio::task::yield_now().await;
        }
    };
    let report = tokio::select! {
        report = everything(&world) => report,
        () = mending => unreachable!("it never ends"),
    };
    insta::assert_snapshot!(told(&world, &report).await, @r"
    music.sum done
    raw.alone done
    raw.left done
    done (0), remembered as done: music.sum done, raw.alone done, raw.alone failed, raw.left done
    ");
    assert_eq!((source.asked_so_far("id=a"), source.asked_so_far("id=c")), (1, 2));
}

#[tokio::test]
async fn runs_are_remembered_for_ninety_days_and_the_last_of_an_asset_for_ever() {
    let source = MemSource::new(row);
    let world = world("", &source).await;
    let first = everything(&world).await.run;
    world.pass(Duration::from_secs(80 * 86_400));
    let only = |names: &[&str]| Request {
        assets: names.iter().map(|n| n.parse().unwrap()).collect(),
        ..Request::default()
    };
    let second = run(&world.deps, &only(&["raw.left"]), &world.ctx()).await.unwrap().run;
    world.pass(Duration::from_secs(20 * 86_400));
    let third = run(&world.deps, &only(&["raw.left", "music.sum"]), &world.ctx())
        .await
        .unwrap()
        .run;
    let is_known = async |run| world.deps.store.run(run).await.unwrap().is_some();
    assert!(is_known(first).await, "raw.alone ran in no later one");
    assert!(is_known(second).await && is_known(third).await);
    world.pass(Duration::from_secs(91 * 86_400));
    let last = everything(&world).await.run;
    let left: Vec<bool> = vec![
        is_known(first).await,
        is_known(second).await,
        is_known(third).await,
        is_known(last).await,
    ];
    assert_eq!(left, [false, false, false, true]);
}

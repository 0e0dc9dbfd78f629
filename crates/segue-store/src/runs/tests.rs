use super::*;
use crate::testing::*;
use serde_json::json;
use std::time::Duration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(MORNING + seconds * 1_000_000).unwrap()
}

fn run_of(id: RunId, started: i64) -> RunRow {
    RunRow {
        id,
        started_at: at(started),
        selector: "raw.*".into(),
        params: json!({"market": "US"}),
        plan: json!({"assets": ["raw.a"]}),
        kind: "run".into(),
    }
}

fn step_of(run: RunId, attempt: u32) -> StepRow {
    StepRow {
        run,
        name: "raw.a".parse().unwrap(),
        asset: Some(asset(1)),
        started_at: at(i64::from(attempt)),
        attempt,
    }
}

#[tokio::test]
async fn a_run_is_remembered_with_its_steps_and_words() {
    let f = Fixture::new().await;
    let id = RunId::random();
    f.store.start_run(&run_of(id, 0)).await.unwrap();
    f.store.start_step(&step_of(id, 1)).await.unwrap();
    let failed = StepEnd {
        ended_at: at(1),
        outcome: "failed".into(),
        error: Some(json!({"kind": "unavailable"})),
        ..Default::default()
    };
    let name = step_of(id, 1).name;
    f.store.end_step(id, &name, None, &failed).await.unwrap();
    f.store.start_step(&step_of(id, 2)).await.unwrap();
    let done = StepEnd {
        ended_at: at(3),
        outcome: "done".into(),
        message: Some("fine".into()),
        error: None,
        range: Some(Span::new(0, 60)),
        rows_in: Some(1),
        rows_written: Some(2),
        rows_changed: Some(3),
        rows_quarantined: Some(4),
        rows_doubled: Some(15),
        bytes_in: Some(5),
        bytes_written: Some(6),
        calls: Some(7),
        cpu_us: None,
        peak_memory: Some(9),
        duration_us: Some(10),
        commits: Some(16),
        slices_listed: Some(17),
        slices_done: Some(11),
        slices_parked: Some(12),
        slices_failed: Some(13),
        slices_closed: Some(14),
        slices_gone: Some(18),
        notes: vec!["a first page was full".into()],
    };
    f.store.end_step(id, &name, Some(asset(1)), &done).await.unwrap();
    let words = |step: Option<&str>, message: &str| LogRow {
        run: id,
        step: step.map(str::to_string),
        level: "warn".into(),
        message: message.into(),
        at: at(2),
    };
    let said = [
        words(None, "begun"),
        words(Some("raw.a"), "slow"),
        words(Some("raw.b"), "slow"),
    ];
    f.store.log(&said).await.unwrap();
    f.store.end_run(id, "done", at(4)).await.unwrap();

    let other = f.again().await;
    let steps = other.steps(id).await.unwrap();
    assert_eq!(
        steps,
        [
            Step {
                row: step_of(id, 1),
                end: Some(failed)
            },
            Step {
                row: step_of(id, 2),
                end: Some(done)
            }
        ]
    );
    let run = other.run(id).await.unwrap().unwrap();
    assert_eq!(
        (run.outcome.as_deref(), run.ended_at, run.selector.as_str()),
        (Some("done"), Some(at(4)), "raw.*")
    );
    assert_eq!(other.plan_of_run(id).await.unwrap(), Some(json!({"assets": ["raw.a"]})));
    assert_eq!(other.logs(id, None).await.unwrap(), said);
    assert_eq!(other.logs(id, Some("raw.a")).await.unwrap(), said[1..2]);
    assert_eq!(std::fs::read_dir(f.path("runs")).unwrap().count(), 0, "no lock is left");
    assert!(other.end_run(RunId::random(), "done", at(4)).await.is_err());
}

#[tokio::test]
async fn the_last_step_of_an_asset_is_the_last_that_was_not_skipped() {
    let f = Fixture::new().await;
    let ends = [("done", 0), ("failed", 1), ("skipped", 2)];
    for (outcome, run) in ends {
        let id = RunId::random();
        f.store.start_run(&run_of(id, run)).await.unwrap();
        for number in [1, 2] {
            let step = StepRow {
                asset: Some(asset(number)),
                name: format!("raw.a{number}").parse().unwrap(),
                started_at: at(run),
                ..step_of(id, 1)
            };
            // The second asset did not run when the first one failed.
            if number == 2 && outcome == "failed" {
                continue;
            }
            f.store.start_step(&step).await.unwrap();
            let end = StepEnd {
                outcome: outcome.into(),
                ..StepEnd::default()
            };
            f.store.end_step(id, &step.name, None, &end).await.unwrap();
        }
    }
    let last = f.store.last_steps().await.unwrap();
    let told = last
        .iter()
        .map(|s| format!("{} {}", s.row.name, s.end.as_ref().unwrap().outcome));
    assert_eq!(told.collect::<Vec<_>>(), ["raw.a1 failed", "raw.a2 done"]);
}

#[tokio::test]
async fn a_step_of_an_asset_that_was_never_written_down_is_remembered_by_its_name() {
    let f = Fixture::new().await;
    let id = RunId::random();
    f.store.start_run(&run_of(id, 0)).await.unwrap();
    let step = StepRow {
        asset: None,
        ..step_of(id, 1)
    };
    f.store.start_step(&step).await.unwrap();
    let end = StepEnd {
        outcome: "failed".into(),
        message: Some("there is a table at its place".into()),
        ..StepEnd::default()
    };
    f.store.end_step(id, &step.name, None, &end).await.unwrap();
    let last = f.store.last_steps().await.unwrap();
    assert_eq!((last.len(), &last[0].row, &last[0].end), (1, &step, &Some(end.clone())));
    // Once it is written down, its tries are those of the asset.
    f.store
        .start_step(&StepRow {
            attempt: 2,
            ..step.clone()
        })
        .await
        .unwrap();
    f.store.end_step(id, &step.name, Some(asset(1)), &end).await.unwrap();
    let assets: Vec<_> = f.store.steps(id).await.unwrap().iter().map(|s| s.row.asset).collect();
    assert_eq!(assets, [None, Some(asset(1))]);
}

#[tokio::test]
async fn runs_come_newest_first() {
    let f = Fixture::new().await;
    let ids: Vec<RunId> = (0..4).map(|_| RunId::random()).collect();
    for (i, id) in ids.iter().enumerate() {
        f.store.start_run(&run_of(*id, i as i64)).await.unwrap();
    }
    let found: Vec<RunId> = f.store.runs(3).await.unwrap().iter().map(|r| r.id).collect();
    assert_eq!(found, [ids[3], ids[2], ids[1]]);
}

#[tokio::test]
async fn a_run_whose_process_is_gone_was_interrupted_and_a_living_one_was_not() {
    let f = Fixture::new().await;
    let (dead, living) = (RunId::random(), RunId::random());
    let first = f.again().await;
    first.start_run(&run_of(dead, 0)).await.unwrap();
    first.start_step(&step_of(dead, 1)).await.unwrap();
    f.store.start_run(&run_of(living, 1)).await.unwrap();
    f.clock.pass(Duration::from_secs(7));
    // Another process looks while both are alive.
    assert_eq!(f.again().await.run(dead).await.unwrap().unwrap().outcome, None);
    // What the system does with a process that dies: its locks are free.
    drop(first);
    let next = f.again().await;
    let run = next.run(dead).await.unwrap().unwrap();
    assert_eq!(
        (run.outcome.as_deref(), run.ended_at),
        (Some("interrupted"), Some(at(7)))
    );
    let end = next.steps(dead).await.unwrap()[0].end.clone().unwrap();
    assert_eq!(end.outcome, "interrupted");
    assert_eq!(next.run(living).await.unwrap().unwrap().outcome, None);
}

#[tokio::test]
async fn old_runs_are_forgotten_but_for_the_last_of_each_asset_and_those_without_an_end() {
    let f = Fixture::new().await;
    let ids: Vec<RunId> = (0..5).map(|_| RunId::random()).collect();
    // Runs 0 to 2 and 4 ran one asset, 1 another one too; 3 has no end, and 4 is young.
    for (i, id) in ids.iter().enumerate() {
        let begins = 100 * i as i64;
        f.store.start_run(&run_of(*id, begins)).await.unwrap();
        let step = |number| StepRow {
            asset: Some(asset(number)),
            name: format!("raw.a{number}").parse().unwrap(),
            started_at: at(begins + 1),
            ..step_of(*id, 1)
        };
        f.store.start_step(&step(1)).await.unwrap();
        if i == 1 {
            f.store.start_step(&step(2)).await.unwrap();
        }
        let words = LogRow {
            run: *id,
            step: None,
            level: "info".into(),
            message: "begun".into(),
            at: at(begins),
        };
        f.store.log(&[words]).await.unwrap();
        if i != 3 {
            f.store.end_run(*id, "done", at(begins + 50)).await.unwrap();
        }
    }
    assert_eq!(f.store.forget_runs(at(380)).await.unwrap(), 2);
    assert_eq!(
        f.store.forget_runs(at(380)).await.unwrap(),
        0,
        "nothing is left to forget"
    );
    let mut left = Vec::new();
    for (i, id) in ids.iter().enumerate() {
        let (steps, words) = (
            f.store.steps(*id).await.unwrap(),
            f.store.logs(*id, None).await.unwrap(),
        );
        let is_there = f.store.run(*id).await.unwrap().is_some();
        assert_eq!((!steps.is_empty(), !words.is_empty()), (is_there, is_there), "run {i}");
        if is_there {
            left.push(i);
        }
    }
    assert_eq!(left, [1, 3, 4]);
    // However old it is, the last one stays.
    assert_eq!(f.store.forget_runs(at(10_000)).await.unwrap(), 0);
}

/// A step whose task broke never said how it ended.
#[tokio::test]
async fn a_step_without_an_end_ends_with_its_run() {
    let f = Fixture::new().await;
    let (id, other) = (RunId::random(), RunId::random());
    for run in [id, other] {
        f.store.start_run(&run_of(run, 0)).await.unwrap();
        f.store.start_step(&step_of(run, 1)).await.unwrap();
    }
    f.store.end_run(id, "failed", at(4)).await.unwrap();
    let ended = f.store.steps(id).await.unwrap()[0].end.clone().unwrap();
    assert_eq!((ended.outcome.as_str(), ended.ended_at), ("interrupted", at(4)));
    assert_eq!(
        f.store.steps(other).await.unwrap()[0].end,
        None,
        "another run's goes on"
    );
}

#[tokio::test]
async fn the_oldest_run_that_is_under_way_is_told() {
    let f = Fixture::new().await;
    assert_eq!(f.store.running_since().await.unwrap(), None);
    let runs: Vec<RunId> = (0..3).map(|_| RunId::random()).collect();
    for (at, run) in runs.iter().enumerate() {
        f.store.start_run(&run_of(*run, at as i64)).await.unwrap();
    }
    f.store.end_run(runs[0], "done", at(9)).await.unwrap();
    assert_eq!(f.store.running_since().await.unwrap(), Some(at(1)));
}

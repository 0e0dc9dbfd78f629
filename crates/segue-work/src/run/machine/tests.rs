use super::*;
use Happened::*;
use proptest::prelude::*;

fn node(name: &str, needs: &[usize]) -> Node {
    Node {
        name: format!("t.{name}").parse().unwrap(),
        needs: needs.to_vec(),
        waits_for_all: false,
    }
}

fn machine(nodes: Vec<Node>) -> Machine {
    Machine::new(
        nodes,
        Bounds {
            parallel: 2,
            ..Bounds::default()
        },
    )
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn failed(kind: Kind) -> Verdict {
    Verdict::Failed {
        kind,
        delay: None,
        is_final: false,
    }
}

/// What the machine says, one command a line.
fn say(machine: &mut Machine, now: u64, happened: &[Happened]) -> String {
    let commands = machine.step(at(now), happened);
    let name = |step: usize| machine.nodes[step].name.table().to_string();
    let lines: Vec<String> = commands
        .iter()
        .map(|c| match *c {
            Command::Start { step, attempt: 1 } => format!("start {}", name(step)),
            Command::Start { step, attempt } => format!("start {} again ({attempt})", name(step)),
            Command::Close { step } => format!("close {}", name(step)),
            Command::Skip { step, because } => format!("skip {} because of {}", name(step), name(because)),
            Command::Drop { step } => format!("drop {}", name(step)),
            Command::Wake { step, at } => format!("wake {} at {}s", name(step), at.as_secs_f64()),
            Command::Finish => "finish".into(),
        })
        .collect();
    lines.join("\n")
}

fn done(step: usize) -> Happened {
    Ended {
        step,
        verdict: Verdict::Done,
    }
}

#[test]
fn steps_start_when_all_that_they_need_has_ended_and_at_most_so_many_at_once() {
    let mut m = machine(vec![node("a", &[]), node("b", &[]), node("c", &[]), node("d", &[0, 1])]);
    insta::assert_snapshot!(say(&mut m, 0, &[]), @r"
    start a
    start b
    ");
    insta::assert_snapshot!(say(&mut m, 1, &[done(0)]), @r"
    close a
    start c
    ");
    insta::assert_snapshot!(say(&mut m, 2, &[done(1)]), @r"
    close b
    start d
    ");
    insta::assert_snapshot!(say(&mut m, 3, &[done(2), done(3)]), @r"
    close c
    close d
    finish
    ");
    insta::assert_snapshot!(say(&mut m, 4, &[]), @"");
}

#[test]
fn one_failed_step_stops_what_depends_on_it_and_nothing_else() {
    let mut m = machine(vec![
        node("a", &[]),
        node("b", &[]),
        node("c", &[0]),
        node("d", &[2, 1]),
        node("e", &[1]),
    ]);
    say(&mut m, 0, &[]);
    insta::assert_snapshot!(say(&mut m, 1, &[Ended { step: 0, verdict: failed(Kind::BadData) }]), @r"
    close a
    skip c because of a
    skip d because of c
    ");
    insta::assert_snapshot!(say(&mut m, 2, &[done(1)]), @r"
    close b
    start e
    ");
}

#[test]
fn a_transient_failure_is_tried_again_later_and_later_and_then_no_more() {
    let mut m = machine(vec![node("a", &[])]);
    say(&mut m, 0, &[]);
    let fail = [Ended {
        step: 0,
        verdict: failed(Kind::Unavailable),
    }];
    insta::assert_snapshot!(say(&mut m, 0, &fail), @"wake a at 1s");
    insta::assert_snapshot!(say(&mut m, 0, &[]), @"");
    insta::assert_snapshot!(say(&mut m, 1, &[]), @"start a again (2)");
    insta::assert_snapshot!(say(&mut m, 10, &fail), @"wake a at 14s");
    insta::assert_snapshot!(say(&mut m, 14, &[]), @"start a again (3)");
    insta::assert_snapshot!(say(&mut m, 20, &fail), @"wake a at 36s");
    insta::assert_snapshot!(say(&mut m, 36, &[]), @"start a again (4)");
    insta::assert_snapshot!(say(&mut m, 37, &fail), @r"
    close a
    finish
    ");
}

#[test]
fn the_other_sides_wish_is_waited_for_unless_it_is_too_long() {
    let limited = |delay| {
        [Ended {
            step: 0,
            verdict: Verdict::Failed {
                kind: Kind::RateLimited,
                delay: Some(at(delay)),
                is_final: false,
            },
        }]
    };
    let mut m = machine(vec![node("a", &[])]);
    say(&mut m, 0, &[]);
    insta::assert_snapshot!(say(&mut m, 0, &limited(30)), @"wake a at 30s");
    say(&mut m, 30, &[]);
    insta::assert_snapshot!(say(&mut m, 30, &limited(86400)), @r"
    close a
    finish
    ");
}

#[test]
fn what_trying_again_cannot_mend_is_not_tried_again() {
    for verdict in [
        failed(Kind::Invalid),
        Verdict::Failed {
            kind: Kind::Conflict,
            delay: None,
            is_final: true,
        },
    ] {
        let mut m = machine(vec![node("a", &[])]);
        say(&mut m, 0, &[]);
        assert_eq!(say(&mut m, 0, &[Ended { step: 0, verdict }]), "close a\nfinish");
    }
}

#[test]
fn what_is_partial_lets_dependants_run_unless_they_wait() {
    let waits = Node {
        waits_for_all: true,
        ..node("waits", &[0])
    };
    let mut m = machine(vec![node("a", &[]), node("runs", &[0]), waits]);
    say(&mut m, 0, &[]);
    insta::assert_snapshot!(say(&mut m, 1, &[Ended { step: 0, verdict: Verdict::Partial }]), @r"
    close a
    skip waits because of a
    start runs
    ");
}

#[test]
fn stopping_lets_what_runs_end_and_begins_nothing() {
    let mut m = machine(vec![node("a", &[]), node("b", &[0])]);
    say(&mut m, 0, &[]);
    insta::assert_snapshot!(say(&mut m, 1, &[Cancel]), @"drop b");
    insta::assert_snapshot!(say(&mut m, 2, &[Ended { step: 0, verdict: failed(Kind::Unavailable) }]), @r"
    close a
    finish
    ");
}

proptest! {
    /// Whatever happens in whatever order, every step ends exactly once, nothing starts before what it needs, and the run finishes.
    #[test]
    fn every_run_ends(
        needs in proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 0..3), 1..12),
        verdicts in proptest::collection::vec(0u8..6, 1..60),
        parallel in 1usize..4,
    ) {
        let nodes: Vec<Node> = needs.iter().enumerate().map(|(i, n)| {
            let needs = if i == 0 { vec![] } else { n.iter().map(|x| x.index(i)).collect() };
            Node { waits_for_all: i % 3 == 0, ..node(&format!("n{i}"), &needs) }
        }).collect();
        let mut m = Machine::new(nodes.clone(), Bounds { parallel, ..Bounds::default() });
        let mut running = Vec::new();
        let mut ended = vec![0; nodes.len()];
        let mut verdicts = verdicts.into_iter().cycle();
        let (mut now, mut happened, mut finished) = (0, vec![], false);
        for _ in 0..1000 {
            for command in m.step(at(now), &happened) {
                match command {
                    Command::Start { step, .. } => {
                        prop_assert!(nodes[step].needs.iter().all(|n| ended[*n] == 1));
                        running.push(step);
                    }
                    Command::Close { step } | Command::Skip { step, .. } | Command::Drop { step } => ended[step] += 1,
                    Command::Wake { .. } => {}
                    Command::Finish => finished = true,
                }
            }
            prop_assert!(running.len() <= parallel);
            now += 100;
            happened = running.pop().map(|step| {
                let verdict = match verdicts.next().unwrap_or(0) {
                    0 => failed(Kind::Unavailable),
                    1 => failed(Kind::BadData),
                    2 => Verdict::Partial,
                    _ => Verdict::Done,
                };
                Ended { step, verdict }
            }).into_iter().collect();
        }
        prop_assert!(finished);
        prop_assert!(ended.iter().all(|e| *e == 1));
    }
}

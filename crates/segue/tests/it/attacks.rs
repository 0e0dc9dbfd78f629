//! What a machine and a stranger's file can do: a full disk, a folder that may not be written, a clock that jumps, hostile text.

use crate::support::{Done, Project};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Orders from a CSV into the lake, and their sum by SQL.
fn orders(rows: &str) -> Project {
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\n"),
        (
            "assets/raw/orders.yaml",
            "asset: raw.orders\ncopy:\n  from: files\n  path: data/orders.csv\n  \
             columns: { id: { type: int64 }, note: { type: string } }\n",
        ),
        (
            "assets/sales/counted.sql",
            "/* asset: sales.counted */\nselect count(*) as n, sum(id) as total from raw.orders\n",
        ),
    ]);
    project.write("data/orders.csv", rows);
    project
}

fn counted(project: &Project) -> String {
    project.sql("select n, total from sales.counted")
}

/// Runs with files that may not grow beyond so many KiB, as on a disk that is full: writes fail, and the program lives on.
fn with_little_room(project: &Project, kib: u32) -> Done {
    let own = env!("CARGO_BIN_EXE_segue");
    let script = format!("trap '' XFSZ; ulimit -f {}; exec {own} run", kib * 2);
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(project.file(""));
    Done::of(command.output().expect("there is a shell"))
}

#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let project = orders("id,note\n1,a\n2,b\n");
    project.ok(&["run"]);
    let before = counted(&project);
    // Texts that no codec shortens, so that the lake's file is larger than the room that there is.
    let many: String = (0..60_000u64)
        .map(|n| format!("{n},{}\n", segue_core::hash::sha256(n.to_le_bytes())))
        .collect();
    project.write("data/orders.csv", &format!("id,note\n{many}"));
    for kib in [1024, 64, 1] {
        let full = with_little_room(&project, kib);
        assert_ne!(full.code, Some(0), "{kib} KiB: {}", full.text());
        assert!(!full.err.contains("panicked"), "{kib} KiB: {}", full.err);
        let said = ["[SG0413]", "[SG0606]", "look at the disk that the state is on"];
        assert!(
            said.iter().any(|said| full.err.contains(said)),
            "{kib} KiB: {}",
            full.err
        );
        assert_eq!(counted(&project), before, "{kib} KiB");
    }
    project.ok(&["run"]);
    assert_eq!(counted(&project), "n,total\n60000,1799970000\n");
    assert!(
        project
            .sql("select count(*) as n from system.commits where state = 'prepared'")
            .ends_with("\n0\n")
    );
}

/// The command as somebody who is subject to permissions, whoever runs the tests.
fn not_almighty(project: &Project, args: &[&str]) -> Done {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    if !is_root {
        return project.segue(args);
    }
    let mut command = Command::new("setpriv");
    command
        .args([
            "--bounding-set=-dac_override,-dac_read_search,-fowner",
            "--inh-caps=-all",
        ])
        .arg(env!("CARGO_BIN_EXE_segue"))
        .args(args)
        .current_dir(project.file(""));
    Done::of(command.output().expect("util-linux is on every Debian"))
}

#[test]
fn what_may_not_be_read_or_written_is_named() {
    let project = orders("id,note\n1,a\n2,b\n");
    project.ok(&["run"]);
    let before = counted(&project);
    project.write("data/orders.csv", "id,note\n1,a\n2,b\n3,c\n");
    let refused = |path: &str, mode: u32, named: &str| {
        let file = project.file(path);
        let was = std::fs::metadata(&file).expect("it is there").permissions();
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).expect("can change it");
        let refused = not_almighty(&project, &["run"]);
        std::fs::set_permissions(&file, was).expect("can change it back");
        assert_ne!(refused.code, Some(0), "{path}: {}", refused.text());
        assert!(refused.err.contains(named), "{path}: {}", refused.err);
        assert!(
            refused.err.to_lowercase().contains("permission denied")
                || refused.err.contains("read-only")
                || refused.err.contains("readonly"),
            "{path}: {}",
            refused.err
        );
        assert!(!refused.err.contains("panicked"), "{path}: {}", refused.err);
        assert_eq!(counted(&project), before, "{path}");
    };
    refused("data/orders.csv", 0o000, "data/orders.csv");
    refused("lake/raw/orders", 0o555, "raw.orders");
    refused("lake/raw/orders/_delta_log", 0o555, "raw.orders");
    refused(".segue", 0o555, ".segue");
    project.ok(&["run"]);
    assert_eq!(counted(&project), "n,total\n3,6\n");
}

#[test]
fn a_clock_that_jumps_changes_no_answer() {
    let mut project = orders("id,note\n1,a\n");
    project.ok(&["run"]);
    for (ahead, rows, answer) in [
        ("400d", "id,note\n1,a\n2,b\n", "n,total\n2,3\n"),
        ("0s", "id,note\n1,a\n2,b\n3,c\n", "n,total\n3,6\n"),
        ("90d", "id,note\n4,d\n", "n,total\n1,4\n"),
        ("0s", "id,note\n4,d\n5,e\n", "n,total\n2,9\n"),
    ] {
        project.set("SEGUE_CLOCK_AHEAD", ahead);
        project.write("data/orders.csv", rows);
        project.ok(&["run"]);
        assert_eq!(counted(&project), answer, "the clock is {ahead} ahead");
        project.ok(&["status"]);
        project.ok(&["lake", "compact", "raw.orders"]);
        project.ok(&["lake", "vacuum", "raw.orders"]);
        assert_eq!(counted(&project), answer, "the clock is {ahead} ahead, after vacuum");
    }
}

#[test]
fn hostile_text_is_kept_set_aside_or_refused_and_never_lost() {
    let wide = format!("id,note\n1,{}\n", "x".repeat(2 << 20));
    let columns = format!(
        "id,note,{}\n1,a\n",
        (0..3_000).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",")
    );
    // What the file holds, and how many of its rows are kept and set aside; or what is said when it is refused.
    let cases: [(&str, &[u8], Result<(u64, u64), &str>); 14] = [
        (
            "text that SQL would run",
            b"id,note\n1,'); drop table orders; --\n",
            Ok((1, 0)),
        ),
        ("a formula", b"id,note\n1,=cmd|' /C calc'!A0\n", Ok((1, 0))),
        ("NUL", b"id,note\n1,a\0b\n", Ok((1, 0))),
        ("no UTF-8", b"id,note\n1,\xff\xfe\n2,b\n", Ok((1, 1))),
        ("UTF-16", b"\xff\xfei\0d\0,\0n\0\n\0", Err("lacks the column \"note\"")),
        (
            "a number that is none",
            b"id,note\n1e400,a\n99999999999999999999,b\n3,c\n",
            Ok((1, 2)),
        ),
        ("ragged", b"id,note\n1\n2,b,c\n3,c\n", Ok((1, 2))),
        (
            "two columns of one name",
            b"id,note,note\n1,a,b\n",
            Err("\"note\" twice"),
        ),
        ("nothing", b"", Err("data/orders.csv")),
        ("a BOM alone", b"\xef\xbb\xbf", Err("data/orders.csv")),
        ("a header alone", b"id,note\n", Ok((0, 0))),
        ("a quote without end", b"id,note\n1,\"a\n2,b\n", Err("never closed")),
        ("a wide field", wide.as_bytes(), Ok((1, 0))),
        ("many columns", columns.as_bytes(), Ok((0, 1))),
    ];
    for (what, bytes, expected) in cases {
        let project = orders("");
        std::fs::write(project.file("data/orders.csv"), bytes).expect("can write");
        let done = project.segue(&["run", "raw.orders"]);
        assert!(!done.text().contains("panicked"), "{what}: {}", done.text());
        match expected {
            Ok((kept, aside)) => {
                done.ok();
                let text = project.sql("select rows_written as kept, rows_quarantined as aside from system.steps");
                assert_eq!(text, format!("kept,aside\n{kept},{aside}\n"), "{what}");
                let rows = project.sql("select count(*) as n from raw.orders");
                assert_eq!(rows, format!("n\n{kept}\n"), "{what}");
            }
            Err(said) => {
                assert_ne!(done.code, Some(0), "{what}: {}", done.text());
                assert!(done.err.contains(said), "{what}: {}", done.err);
            }
        }
    }
}

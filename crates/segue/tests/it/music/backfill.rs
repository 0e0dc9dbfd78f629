//! Test 8: past days by one command, which may be killed and goes on, with the same result as a run a day.

use crate::support::Project;
use std::fmt::Write;

const DAYS: u32 = 12;

/// What people asked for, each day for three artists, and two assets that are computed by the day.
fn asked() -> Project {
    let mut questions = String::from("at,artist,found\n");
    for day in 1..=DAYS {
        for (place, artist) in ["aespa", "BTS", "Radiohead"].into_iter().enumerate() {
            for hour in 0..=(day as usize + place) % 4 {
                let found = !(day as usize + hour).is_multiple_of(3);
                writeln!(questions, "2024-03-{day:02}T{hour:02}:30:00Z,{artist},{found}").expect("a text takes it");
            }
        }
    }
    let by_day = "range: { by: day, input: raw.questions.at, output: day, start: 2024-03-10 }";
    Project::with(&[
        ("segue.yaml", "format: 1\nproject: questions\n"),
        ("data/questions.csv", &questions),
        (
            "assets/raw/questions.yaml",
            "asset: raw.questions\ncopy:\n  from: files\n  path: data/questions.csv\n  columns:\n    at: { type: timestamp, required: true }\n    artist: { type: string }\n    found: { type: bool }\n",
        ),
        (
            "assets/music/asked.sql",
            &format!(
                "/* asset: music.asked\n   {by_day} */\nselect date_trunc('day', at) as day, artist, count(*) as questions\nfrom raw.questions where at >= $from and at < $to group by 1, 2\n"
            ),
        ),
        (
            "assets/music/not_found.sql",
            &format!(
                "/* asset: music.not_found\n   {by_day} */\nselect date_trunc('day', at) as day, count(*) as questions\nfrom raw.questions where at >= $from and at < $to and not found group by 1\n"
            ),
        ),
    ])
}

/// What there is of both.
fn tables(project: &Project) -> [String; 2] {
    [
        project.sql("select day, artist, questions from music.asked order by day, artist"),
        project.sql("select day, questions from music.not_found order by day"),
    ]
}

#[test]
fn test_8_a_backfill_of_past_days_is_restartable_and_gives_what_daily_runs_give() {
    let daily = asked();
    daily.ok(&["run", "raw.questions"]);
    for day in 1..=DAYS {
        let (from, to) = (format!("2024-03-{day:02}"), format!("2024-03-{:02}", day + 1));
        daily.ok(&["backfill", "music.*", "--from", &from, "--to", &to]);
    }
    let wanted = tables(&daily);
    assert_eq!(wanted[0].lines().count(), 1 + 3 * DAYS as usize, "{}", wanted[0]);

    // At once, both assets beside each other.
    let span = ["backfill", "music.*", "--from", "2024-03-01", "--to", "2024-03-13"];
    let at_once = asked();
    at_once.ok(&["run", "raw.questions"]);
    at_once.ok(&span);
    assert_eq!(tables(&at_once), wanted);

    // Killed where a commit is prepared, and begun again by the same words.
    let killed = asked();
    killed.ok(&["run", "raw.questions"]);
    let command = killed
        .command(&span)
        .env("SEGUE_FAULT", "commit.prepared:1:kill")
        .output()
        .expect("the binary starts");
    assert!(command.status.code().is_none(), "it was not killed");
    killed.ok(&span);
    assert_eq!(tables(&killed), wanted);
    // There is nothing left of it, and nothing twice.
    let left = [&span[..], &["--dry-run"]].concat();
    assert_eq!(killed.ok(&[&["--json"], &left[..]].concat()).trim(), "[]");
}

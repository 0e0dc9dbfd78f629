//! Reading a million records from a web API into the lake, to the commit, beside a client that decodes the same pages into structs and
//! drops them. Bar: at most 50 µs of CPU for a record of the small kind.

use super::{Built, Folder, StandIn, build, heading, line, make_empty, runs};
use crate::measure::{self, Taken, median};
use crate::process::{self, Failure};
use std::process::Command;

/// How many records each kind has in the stand-in.
const RECORDS: u64 = 1_000_000;
/// How many requests are under way at once, in both.
const CONCURRENCY: u32 = 8;

struct Kind {
    name: &'static str,
    page: u32,
    columns: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "small",
        page: 100,
        columns: "    danceability: { type: float64 }\n    energy: { type: float64 }\n    key: { type: int32 }\n    loudness: { type: float64 }\n    mode: { type: int32 }\n    speechiness: { type: float64 }\n    acousticness: { type: float64 }\n    instrumentalness: { type: float64 }\n    liveness: { type: float64 }\n    valence: { type: float64 }\n    tempo: { type: float64 }\n    type: { type: string }\n    id: { type: string, required: true }\n    uri: { type: string }\n    track_href: { type: string }\n    analysis_url: { type: string }\n    duration_ms: { type: int64 }\n    time_signature: { type: int32 }\n",
    },
    Kind {
        name: "large",
        page: 10,
        columns: "    id: { type: string, required: true }\n    number: { type: int64 }\n    score: { type: float64 }\n    updated_at: { type: timestamp }\n    owner_id: { path: $.owner.id, type: int64 }\n    owner_name: { path: $.owner.name, type: string }\n    text: { type: string }\n",
    },
];

pub fn run(args: &[String]) -> Result<(), Failure> {
    let runs = runs(args, 3)?;
    let built = build()?;
    let standin = StandIn::start(&built.segue)?;
    println!(
        "{}\nMedians of {runs} interleaved runs of {RECORDS} records; the stand-in is a process of its own and not counted.\n",
        heading("rest")
    );
    println!("| | wall s | CPU s | peak MiB | CPU µs a record |\n|---|--:|--:|--:|--:|");
    for kind in KINDS {
        let (mut floor, mut plain, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..runs {
            floor.push(read_floor(&built, &standin, kind)?);
            plain.push(read_ours(&built, &standin, kind, false)?);
            kept.push(read_ours(&built, &standin, kind, true)?);
        }
        let show = |what: &str, runs: &[Taken]| {
            let taken = median(runs);
            let each = format!("{:.1}", taken.cpu_s * 1e6 / RECORDS as f64);
            println!(
                "{}",
                line(&format!("{}, pages of {}: {what}", kind.name, kind.page), taken, &each)
            );
        };
        show("floor, reqwest and serde into structs", &floor);
        show("ours, to the commit", &plain);
        show("ours with `keep_raw`", &kept);
    }
    Ok(())
}

fn read_floor(built: &Built, standin: &StandIn, kind: &Kind) -> Result<Taken, Failure> {
    let (page, concurrency) = (kind.page.to_string(), CONCURRENCY.to_string());
    measure::run(Command::new(&built.rest_floor).args([&standin.url, kind.name, &page, &concurrency]))
}

fn read_ours(built: &Built, standin: &StandIn, kind: &Kind, keep_raw: bool) -> Result<Taken, Failure> {
    let folder = Folder::new("rest")?;
    make_empty(&folder.0)?;
    folder.write("segue.yaml", "format: 1\nproject: bench\n")?;
    let connection = format!(
        "connection: bench\nkind: rest\nbase_url: ${{env:BENCH_URL}}\nlimits: {{ concurrency: {CONCURRENCY} }}\n"
    );
    folder.write("connections/bench.yaml", &connection)?;
    folder.write("assets/raw/records.yaml", &asset(kind, keep_raw))?;
    let segue = |args: &[&str]| {
        let mut command = Command::new(&built.segue);
        command.current_dir(&folder.0).env("BENCH_URL", &standin.url).args(args);
        command
    };
    let taken = measure::run(&mut segue(&["run"]))?;
    // A run that lost or doubled a record has no figure.
    let count = process::output(&mut segue(&[
        "sql",
        "--format",
        "csv",
        "select count(*), count(distinct id) from raw.records",
    ]));
    let count = count.unwrap_or_default();
    match count.lines().last() == Some(&format!("{RECORDS},{RECORDS}")) {
        true => Ok(taken),
        false => Err(Failure::new(format!(
            "the table does not hold each of {RECORDS} records once:\n{count}"
        ))),
    }
}

fn asset(kind: &Kind, keep_raw: bool) -> String {
    let Kind { name, page, columns } = kind;
    let keep = if keep_raw { "  keep_raw: 30d\n" } else { "" };
    let most = RECORDS / u64::from(*page) + 1;
    format!(
        "asset: raw.records\ncopy:\n  from: bench\n  request: {{ get: /bench/pages/{name} }}\n  \
         paginate: {{ offset: {{ param: offset, limit_param: limit, limit: {page}, total: $.total }}, max_pages: {most} }}\n  \
         records: $.items[*]\n{keep}  columns:\n{columns}write: {{ mode: replace }}\n"
    )
}

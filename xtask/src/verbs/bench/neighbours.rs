//! The ten nearest of each of 20,000 artists by six features, from the lake and back: `nearest` in an asset, beside a chunked float64 NumPy form on
//! all cores, the faster of two ways. Bars: at most twice its time, under 1 GB; ids equal wherever distances differ by more than 1e-9.

use super::{Folder, build_segue, cannot, heading, line, runs};
use crate::measure::{self, Taken, median};
use crate::process::{self, Failure};
use crate::{repository, setup};
use std::path::{Path, PathBuf};
use std::process::Command;

const ARTISTS: usize = 20_000;
const FEATURES: usize = 6;
const SEED: u64 = 7;
const RUNS: usize = 5;
/// As much of NumPy's time.
const MOST_TIMES: f64 = 2.0;
/// 1 GB.
const MOST_MIB: f64 = 1e9 / (1 << 20) as f64;
const SCRIPT: &str = include_str!("neighbours.py");
/// NumPy's ways.
const WAYS: [&str; 2] = ["matrix", "direct"];

struct Tools<'a> {
    segue: PathBuf,
    python: PathBuf,
    folder: &'a Folder,
}

/// One way of NumPy.
#[derive(Default)]
struct Way {
    taken: Vec<Taken>,
    /// What it took without the interpreter's start and the imports.
    working_s: Vec<f64>,
}

pub fn run(args: &[String]) -> Result<(), Failure> {
    let runs = runs(args, RUNS)?;
    let list = repository::root().join("xtask/python.txt");
    let packages = std::fs::read_to_string(&list).map_err(|e| cannot("read", &list, &e))?;
    let folder = Folder::new("neighbours")?;
    let tools = Tools {
        python: setup::python(&repository::target_dir(), &packages)?,
        segue: build_segue()?,
        folder: &folder,
    };
    eprintln!("xtask: making features of {ARTISTS} artists");
    write_project(&folder, runs)?;
    process::run(
        tools
            .segue(&["run", "music.artist_profiles", "raw.features"])
            .stdout(std::io::stderr()),
    )?;
    let mut ours = Vec::new();
    let mut ways: [Way; 2] = Default::default();
    for round in 1..=runs {
        let asset = format!("music.related_{round}");
        eprintln!("xtask: round {round} of {runs}");
        ours.push(measure::run(&mut tools.segue(&["run", &asset]))?);
        for (name, way) in WAYS.iter().zip(&mut ways) {
            let (into, seconds) = (format!("theirs/{name}_{round}"), "seconds.txt");
            way.taken
                .push(measure::run(&mut tools.python(&[name, PROFILES, &into, seconds]))?);
            way.working_s.push(tools.seconds(seconds)?);
            compare(&tools, &format!("lake/music/related_{round}"), &into)?;
        }
    }
    println!("{}", heading("neighbours"));
    println!("{}", table(runs, &ours, &ways));
    Ok(())
}

/// The table that both read.
const PROFILES: &str = "lake/music/artist_profiles";

impl Tools<'_> {
    fn segue(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.segue);
        command.current_dir(&self.folder.0).args(args);
        command
    }

    fn python(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.current_dir(&self.folder.0).args(["-c", SCRIPT]).args(args);
        command
    }

    fn seconds(&self, file: &str) -> Result<f64, Failure> {
        let path = self.folder.0.join(file);
        let text = std::fs::read_to_string(&path).map_err(|e| cannot("read", &path, &e))?;
        let wrong = || Failure::new(format!("{} holds no number: {text}", path.display()));
        text.trim().parse().map_err(|_| wrong())
    }
}

/// Equal, or there are no figures.
fn compare(tools: &Tools<'_>, ours: &str, theirs: &str) -> Result<(), Failure> {
    let mut compare = tools.python(&["compare", PROFILES, ours, theirs]);
    process::run(compare.stdout(std::io::stderr()))
}

/// Features from a file, the vectors from them, and an asset a round: each is computed for the first time.
fn write_project(folder: &Folder, runs: usize) -> Result<(), Failure> {
    folder.write("segue.yaml", "format: 1\nproject: bench\n")?;
    folder.write("data/features.csv", &features(ARTISTS))?;
    let names: Vec<String> = (1..=FEATURES).map(|n| format!("f{n}")).collect();
    let typed: String = (names.iter())
        .map(|name| format!("    {name}: {{ type: float64, required: true }}\n"))
        .collect();
    folder.write(
        "assets/raw/features.yaml",
        &format!(
            "asset: raw.features\ncopy:\n  from: files\n  path: data/features.csv\n  format: csv\n  columns:\n    \
             artist_id: {{ type: string, required: true }}\n{typed}write: {{ mode: replace, key: [artist_id] }}\n"
        ),
    )?;
    folder.write(
        "assets/music/artist_profiles.sql",
        &format!(
            "/* asset: music.artist_profiles\n   write: {{ mode: replace, key: [artist_id] }} */\n\
             select artist_id, make_array({}) as features from raw.features\n",
            names.join(", ")
        ),
    )?;
    for round in 1..=runs {
        folder.write(
            &format!("assets/music/related_{round}.sql"),
            &format!(
                "/* asset: music.related_{round}\n   write: {{ mode: replace, key: [artist_id, rank] }} */\n\
                 select id as artist_id, neighbour_id as related_id, rank, distance\n\
                 from nearest('music.artist_profiles', 'artist_id', 'features', 10)\n"
            ),
        )?;
    }
    make_folder(&folder.0.join("theirs"))
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|e| cannot("make", path, &e))
}

/// As CSV: ids of 22 letters and digits, as services give them, and features from 0 to 1.
fn features(artists: usize) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut state = SEED;
    // SplitMix64.
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut text = String::from("artist_id");
    for n in 1..=FEATURES {
        text.push_str(&format!(",f{n}"));
    }
    text.push('\n');
    for _ in 0..artists {
        text.extend((0..22).map(|_| char::from(DIGITS[(next() % 62) as usize])));
        for _ in 0..FEATURES {
            // All 53 bits that a float has below one.
            text.push_str(&format!(",{}", (next() >> 11) as f64 / (1u64 << 53) as f64));
        }
        text.push('\n');
    }
    text
}

fn table(runs: usize, ours: &[Taken], ways: &[Way; 2]) -> String {
    let medians: Vec<Taken> = ways.iter().map(|way| median(&way.taken)).collect();
    let ours = median(ours);
    let faster = usize::from(medians[1].wall_s < medians[0].wall_s);
    let theirs = medians[faster];
    let mut lines = vec![
        format!(
            "Medians of {runs} interleaved runs: the ten nearest of each of {ARTISTS} artists by {FEATURES} features, read from a table of the lake and \
             written as another; after each, ids were equal wherever distances differ by more than 1e-9.\n"
        ),
        "| | wall s | CPU s | peak MiB | wall, CPU, memory beside the faster of NumPy |".into(),
        "|---|--:|--:|--:|--:|".into(),
    ];
    let beside = |taken: Taken| {
        format!(
            "{:.2} ×, {:.2} ×, {:.2} ×",
            taken.wall_s / theirs.wall_s,
            taken.cpu_s / theirs.cpu_s,
            taken.peak_mib / theirs.peak_mib
        )
    };
    lines.push(line("`segue run`, with `nearest`", ours, &beside(ours)));
    for (what, taken) in ["NumPy, chunked |x|²+|y|²−2xy", "NumPy, chunked differences"]
        .into_iter()
        .zip(medians)
    {
        lines.push(line(&what.replace('|', "\\|"), taken, &beside(taken)));
    }
    let mut working = ways[faster].working_s.clone();
    working.sort_by(f64::total_cmp);
    let working_s = working.get(working.len() / 2).copied().unwrap_or(f64::NAN);
    let yes = |met: bool| if met { "yes" } else { "**no**" };
    let times = ours.wall_s / theirs.wall_s;
    lines.push(format!(
        "\n| bar | found |\n|---|---|\n| at most {MOST_TIMES} × NumPy | {}: {times:.2} |",
        yes(times <= MOST_TIMES)
    ));
    lines.push(format!(
        "| under 1 GB | {}: {:.0} MiB |",
        yes(ours.peak_mib < MOST_MIB),
        ours.peak_mib
    ));
    lines.push(format!(
        "\nOf the faster NumPy's {:.2} s, {working_s:.2} s are its work without the interpreter's start and the imports: ours, with its start, takes {:.2} × that.",
        theirs.wall_s,
        ours.wall_s / working_s
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_the_same_each_time_and_between_0_and_1() {
        let text = features(1_000);
        assert_eq!(text, features(1_000));
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("artist_id,f1,f2,f3,f4,f5,f6"));
        let mut ids = Vec::new();
        for line in lines {
            let (id, rest) = line.split_once(',').expect("an id and features");
            let features: Vec<f64> = rest.split(',').map(|f| f.parse().expect("a number")).collect();
            assert_eq!((id.len(), features.len()), (22, FEATURES), "{line}");
            assert!(features.iter().all(|f| (0.0..1.0).contains(f)), "{line}");
            ids.push(id);
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 1_000);
    }

    #[test]
    fn the_faster_way_counts() {
        let taken = |wall_s: f64| Taken {
            wall_s,
            cpu_s: wall_s * 2.0,
            peak_mib: 400.0,
        };
        let way = |wall_s: f64| Way {
            taken: vec![taken(wall_s)],
            working_s: vec![wall_s - 1.0],
        };
        insta::assert_snapshot!(table(1, &[taken(5.0)], &[way(4.0), way(2.0)]), @r"
        Medians of 1 interleaved runs: the ten nearest of each of 20000 artists by 6 features, read from a table of the lake and written as another; after each, ids were equal wherever distances differ by more than 1e-9.

        | | wall s | CPU s | peak MiB | wall, CPU, memory beside the faster of NumPy |
        |---|--:|--:|--:|--:|
        | `segue run`, with `nearest` | 5.00 | 10.00 | 400 | 2.50 ×, 2.50 ×, 1.00 × |
        | NumPy, chunked \|x\|²+\|y\|²−2xy | 4.00 | 8.00 | 400 | 2.00 ×, 2.00 ×, 1.00 × |
        | NumPy, chunked differences | 2.00 | 4.00 | 400 | 1.00 ×, 1.00 ×, 1.00 × |

        | bar | found |
        |---|---|
        | at most 2 × NumPy | **no**: 2.50 |
        | under 1 GB | yes: 400 MiB |

        Of the faster NumPy's 2.00 s, 1.00 s are its work without the interpreter's start and the imports: ours, with its start, takes 5.00 × that.
        ");
    }
}

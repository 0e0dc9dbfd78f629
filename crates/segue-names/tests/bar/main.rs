//! The bar for finding by name, by somebody who has not seen how it is done: a catalogue of real artists, dirty names of listed kinds from a
//! seed taken when the test runs, and a list of names as people wrote them.
//!
//! `SEGUE_SEED` takes the seed, `SEGUE_DIRTY_NAMES` how many are asked, `SEGUE_REFERENCE_NAMES` the folder with the list, and `SEGUE_FIGURES` a
//! file that the figures are added to. `cargo xtask proof names` sets them.

mod catalogue;
mod judge;
mod keys;
mod noise;
mod reference;

use catalogue::{Artist, Catalogue};
use judge::{Bar, Meant, Report, Verdict, judge, meant, meant_by};
use noise::{Kind, Random, draw};
use reference::Means;
use segue_names::{Answer, Index};
use std::io::Write as _;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// How many dirty names are asked.
const ASKED: usize = 1_000;
/// What must be reached, of both.
const BAR: Bar = Bar {
    right: 0.95,
    found: 0.99,
    wrong: 0,
};

static KNOWN: LazyLock<(Catalogue, Index)> = LazyLock::new(|| {
    let catalogue = Catalogue::load();
    let index = catalogue.index();
    (catalogue, index)
});

#[test]
fn dirty_names_are_found() {
    let (catalogue, index) = &*KNOWN;
    let seed = number("SEGUE_SEED").unwrap_or_else(now);
    let asked = number("SEGUE_DIRTY_NAMES").map_or(ASKED, |asked| asked as usize);
    let mut random = Random(seed);
    let mut report = Report::default();
    // Each kind is asked equally often: of a text that is somebody else's by right, another is made.
    for nth in 0..asked {
        let kind = Kind::ALL[nth % Kind::ALL.len()];
        loop {
            let dirty = draw(kind, catalogue, &mut random);
            let who = meant_by(&dirty.text, &dirty.base, &[dirty.artist], catalogue);
            if who == Meant::Another {
                report.exclude(kind.name());
                continue;
            }
            let artist = &catalogue.artists[dirty.artist];
            let answer = index.resolve(&dirty.text);
            let verdict = judge(&answer, &[artist.id.as_str()], who);
            report.add(kind.name(), &dirty.text, &[artist], &answer, verdict);
            break;
        }
    }
    let title = format!(
        "{asked} dirty names over {} artists, seed {seed} (`SEGUE_SEED={seed}` asks the same again)",
        catalogue.artists.len()
    );
    tell(&title, &report);
    assert_eq!(report.total().asked(), asked);
    assert_eq!(report.total().below(&BAR), [""; 0], "{title}\n\n{}", report.markdown());
}

#[test]
fn names_as_people_wrote_them_are_found() {
    let (catalogue, index) = &*KNOWN;
    let Some(folder) = std::env::var_os("SEGUE_REFERENCE_NAMES") else {
        println!("left out: SEGUE_REFERENCE_NAMES does not say where the list is");
        return;
    };
    let lines = reference::lines(Path::new(&folder));
    let mut report = Report::default();
    for (text, means) in lines.iter().zip(reference::truth(catalogue)) {
        let answer = index.resolve(text);
        match means {
            Means::One(artists) => {
                let named = artists.iter().map(|at| &catalogue.artists[*at]).collect::<Vec<_>>();
                let ids: Vec<&str> = named.iter().map(|artist| artist.id.as_str()).collect();
                let who = match meant(text, &artists, catalogue) {
                    // Where two may be meant, a list with either is right as well.
                    Meant::One if ids.len() > 1 => Meant::Either,
                    who => who,
                };
                let verdict = judge(&answer, &ids, who);
                report.add("lines that name one artist", text, &named, &answer, verdict);
            }
            Means::Several(artists) => {
                let named = artists.iter().map(|at| &catalogue.artists[*at]).collect::<Vec<_>>();
                let verdict = together(&answer, &named);
                report.add("lines that name several, or nobody", text, &named, &answer, verdict);
            }
        }
    }
    let title = format!(
        "{} names as people wrote them, over {} artists",
        lines.len(),
        catalogue.artists.len()
    );
    tell(&title, &report);
    assert_eq!(report.total().asked(), reference::LINES);
    assert_eq!(report.total().below(&BAR), [""; 0], "{title}\n\n{}", report.markdown());
}

/// A line that names several at once, or nobody. That nothing is called so is right, and so is a list with one of them. One of them alone is half of
/// the truth, and counts as listed; anybody else alone is wrong.
fn together(answer: &Answer, named: &[&Artist]) -> Verdict {
    let is_named = |id: &str| named.iter().any(|artist| artist.id == id);
    match answer {
        Answer::None(_) => Verdict::Right,
        Answer::One(candidate) if is_named(&candidate.id) => Verdict::Listed,
        Answer::One(_) => Verdict::Wrong,
        Answer::Several(candidates) if candidates.iter().any(|candidate| is_named(&candidate.id)) => Verdict::Right,
        Answer::Several(_) => Verdict::Missed,
    }
}

/// Prints the figures, and adds them to the file that was asked for.
fn tell(title: &str, report: &Report) {
    let text = format!("**{title}**\n\n{}\n", report.markdown());
    println!("{text}");
    let Some(path) = std::env::var_os("SEGUE_FIGURES") else {
        return;
    };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .unwrap_or_else(|e| panic!("cannot write {}: {e}", Path::new(&path).display()));
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no whole number")),
    )
}

/// Another one each time.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos() as u64 ^ (u64::from(std::process::id()) << 32)
}

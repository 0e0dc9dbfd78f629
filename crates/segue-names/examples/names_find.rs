//! Finding among made-up names, for `cargo xtask bench names`: how long building and a look-up take, and the memory that the index holds.
//!
//! `names_find COUNT LOOKUPS SEED` prints a line `key value` for each figure.

use cpu_time::ThreadTime;
use segue_names::{Answer, Entry, Index};
use std::time::Instant;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [count, lookups, seed] = numbers[..] else {
        eprintln!("names_find COUNT LOOKUPS SEED");
        std::process::exit(2);
    };
    let mut dice = Dice(seed);
    let entries: Vec<Entry> = (0..count).map(|at| entry(at, &mut dice)).collect();
    let questions: Vec<(&str, String)> = (0..lookups).map(|at| question(at, &entries, &mut dice)).collect();
    let aliases: usize = entries.iter().map(|e| e.aliases.len()).sum();
    println!("names {count}");
    println!("aliases {aliases}");

    let before = resident_kib();
    let start = Instant::now();
    let mut index = Index::build("1", entries.iter().cloned());
    println!("build_ms {}", start.elapsed().as_millis());
    println!(
        "index_mib {:.1}",
        (resident_kib().saturating_sub(before)) as f64 / 1024.0
    );

    let mut times: Vec<(&str, f64)> = Vec::new();
    let mut found = [0_usize; 3];
    for (kind, question) in &questions {
        let start = ThreadTime::now();
        let answer = index.resolve(question);
        times.push((kind, start.elapsed().as_secs_f64() * 1e6));
        found[match answer {
            Answer::One(_) => 0,
            Answer::Several(_) => 1,
            Answer::None(_) => 2,
        }] += 1;
    }
    println!("one {}\nseveral {}\nnone {}", found[0], found[1], found[2]);
    for kind in ["all", "same", "typing", "script", "begins", "unknown"] {
        let mut of_kind: Vec<f64> = times
            .iter()
            .filter(|(k, _)| kind == "all" || *k == kind)
            .map(|(_, t)| *t)
            .collect();
        of_kind.sort_by(f64::total_cmp);
        let at = |share: f64| of_kind[((of_kind.len() - 1) as f64 * share) as usize];
        println!(
            "{kind}_p50_us {:.0}\n{kind}_p99_us {:.0}\n{kind}_max_us {:.0}",
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }

    let mut next: Vec<Entry> = entries;
    for entry in next.iter_mut().step_by(100) {
        entry.popularity = Some(1.0);
        entry.name.push('x');
    }
    let start = Instant::now();
    let followed = index.follow("2", next);
    println!(
        "follow_ms {}\nfollowed {}",
        start.elapsed().as_millis(),
        followed.changed
    );
    let (start, mut bytes) = (Instant::now(), Vec::new());
    if index.snapshot(&mut bytes).is_ok() {
        println!("snapshot_ms {}", start.elapsed().as_millis());
        println!("snapshot_mib {:.1}", bytes.len() as f64 / (1 << 20) as f64);
        let start = Instant::now();
        let again = Index::restore(&mut bytes.as_slice(), bytes.len() as u64);
        println!("restore_ms {}", start.elapsed().as_millis());
        println!("restored {}", again.map_or(0, |index| index.len()));
    }
    println!("peak_mib {:.1}", status("VmHWM:") as f64 / 1024.0);
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }

    fn one<'a>(&mut self, of: &'a [&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// The first ones more often than the last.
    fn early<'a>(&mut self, of: &'a [&'a str]) -> &'a str {
        let (a, b) = (self.below(of.len()), self.below(of.len()));
        of[a.min(b)]
    }
}

const STARTS: &[&str] = &[
    "s", "m", "b", "k", "t", "r", "l", "d", "p", "n", "j", "h", "g", "c", "st", "br", "tr", "sh", "ch", "th", "cl",
    "gr", "f", "v", "w", "z", "fr", "bl", "",
];
const VOWELS: &[&str] = &["a", "e", "i", "o", "u", "ee", "ai", "ou", "ea", "y"];
const ENDS: &[&str] = &[
    "", "", "", "n", "r", "s", "l", "t", "m", "ck", "nd", "ng", "rd", "x", "st",
];
const FAMILY: &[&str] = &[
    "김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신", "권", "황",
];
const GIVEN: &[&str] = &[
    "민", "서", "지", "현", "우", "준", "수", "진", "영", "은", "하", "윤", "재", "호", "연", "혜", "선", "경", "태",
    "석", "아", "빈", "원", "희", "미", "나", "라", "솔", "별", "찬", "규", "철",
];
const HANGUL: &[&str] = &[
    "스", "트", "크", "레", "이", "디", "비", "카", "라", "로", "마", "미", "나", "노", "벨", "블", "핑", "플", "콜",
    "드", "에", "아", "오", "파", "피", "시", "세", "타", "토", "루", "리", "즈", "션", "온", "엔", "앤",
];
const KANA: &[&str] = &[
    "カ", "キ", "ク", "サ", "シ", "ス", "タ", "チ", "ト", "ナ", "ニ", "マ", "ミ", "ラ", "リ", "ル", "ロ", "ア", "イ",
    "ン", "バ", "ド",
];
const CYRILLIC: &[&str] = &[
    "ка", "ма", "зе", "ро", "ли", "на", "то", "ви", "де", "ша", "ну", "бо", "гри", "ста", "ль", "й",
];

fn word(dice: &mut Dice) -> String {
    let syllables = 1 + dice.below(3);
    let word: String = (0..syllables)
        .map(|_| format!("{}{}", dice.early(STARTS), dice.early(VOWELS)))
        .collect();
    word + dice.one(ENDS)
}

fn of(parts: &[&str], from: usize, more: usize, dice: &mut Dice) -> String {
    (0..from + dice.below(more)).map(|_| dice.one(parts)).collect()
}

fn name(dice: &mut Dice) -> String {
    match dice.below(20) {
        0..=3 => format!("{}{}{}", dice.early(FAMILY), dice.one(GIVEN), dice.one(GIVEN)),
        4 => of(KANA, 3, 4, dice),
        5 => of(CYRILLIC, 2, 3, dice),
        6 => of(HANGUL, 2, 5, dice),
        7 | 8 => format!("The {}", word(dice)),
        9 => format!("{} & {}", word(dice), word(dice)),
        10..=12 => word(dice),
        _ => format!("{} {}", word(dice), word(dice)),
    }
}

fn entry(at: u64, dice: &mut Dice) -> Entry {
    let aliases = (0..dice.below(4)).map(|_| name(dice)).collect();
    Entry {
        id: format!("{at:022}"),
        name: name(dice),
        aliases,
        popularity: Some(dice.below(101) as f64),
    }
}

fn question(at: u64, entries: &[Entry], dice: &mut Dice) -> (&'static str, String) {
    let entry = &entries[dice.below(entries.len())];
    let letters: Vec<char> = entry.name.chars().collect();
    match at % 5 {
        0 => ("same", entry.name.to_uppercase()),
        1 => {
            let mut letters = letters;
            for _ in 0..1 + dice.below(2) {
                let at = dice.below(letters.len());
                match dice.below(3) {
                    0 => letters[at] = 'e',
                    1 => letters.insert(at, 'a'),
                    _ if letters.len() > 1 => {
                        letters.remove(at);
                    }
                    _ => {}
                }
            }
            ("typing", letters.into_iter().collect())
        }
        2 => ("script", of(if dice.below(2) == 0 { HANGUL } else { KANA }, 3, 4, dice)),
        3 => ("begins", letters[..letters.len().div_ceil(2)].iter().collect()),
        _ => ("unknown", name(dice)),
    }
}

fn resident_kib() -> u64 {
    status("VmRSS:")
}

fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

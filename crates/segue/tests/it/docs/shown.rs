//! Whether what is shown is what a page says, but for what is another at each run: times, sizes, ids, and how wide columns are.

/// `...` in what is wanted stands for anything.
pub fn alike(wanted: &[String], shown: &str) -> bool {
    let wanted: Vec<String> = wanted.iter().map(|line| plain(line)).collect();
    let shown: Vec<String> = shown.lines().map(plain).collect();
    lines_fit(trimmed(&wanted), trimmed(&shown))
}

/// Without empty lines around.
fn trimmed(mut lines: &[String]) -> &[String] {
    while let [first, rest @ ..] = lines
        && first.is_empty()
    {
        lines = rest;
    }
    while let [rest @ .., last] = lines
        && last.is_empty()
    {
        lines = rest;
    }
    lines
}

fn lines_fit(wanted: &[String], shown: &[String]) -> bool {
    match wanted {
        [] => shown.is_empty(),
        [first, rest @ ..] if first == "..." => (0..=shown.len()).any(|n| lines_fit(rest, &shown[n..])),
        [first, rest @ ..] => match shown {
            [line, more @ ..] => line_fits(first, line) && lines_fit(rest, more),
            [] => false,
        },
    }
}

fn line_fits(wanted: &str, shown: &str) -> bool {
    let Some((start, rest)) = wanted.split_once("...") else {
        return wanted == shown;
    };
    let Some(mut left) = shown.strip_prefix(start) else {
        return false;
    };
    let parts: Vec<&str> = rest.split("...").collect();
    let (end, middle) = parts.split_last().expect("a split has parts");
    for part in middle {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(end)
}

/// A line without what differs from run to run.
fn plain(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let word = plain_word(word);
        let unit = word.trim_end_matches([',', ';', ':', ')']);
        let kind = match unit {
            "ms" | "s" | "min" | "h" => "TIME",
            "B" | "KB" | "MB" | "GB" => "SIZE",
            _ => "",
        };
        match words.last_mut() {
            Some(last) if !kind.is_empty() && last.trim_start_matches('(').parse::<f64>().is_ok() => {
                *last = format!("{kind}{}", &word[unit.len()..]);
            }
            _ => words.push(word),
        }
    }
    words.join(" ")
}

fn plain_word(word: &str) -> String {
    let inner = word.trim_matches(|c: char| "()[],;:`\"".contains(c));
    let is_rule = word.len() > 1 && word.chars().all(|c| c == '-' || c == '+');
    match () {
        () if is_rule => "--".to_string(),
        () if is_id(inner) => word.replace(inner, "ID"),
        () if is_instant(inner) => word.replace(inner, "INSTANT"),
        () => word.to_string(),
    }
}

/// A UUID.
fn is_id(word: &str) -> bool {
    word.len() == 36
        && word.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}

/// `2026-11-22T06:30:00Z`, with or without a fraction.
fn is_instant(word: &str) -> bool {
    let shape = "0000-00-00T00:00:00";
    word.is_char_boundary(shape.len().min(word.len()))
        && word.len() > shape.len()
        && word.ends_with('Z')
        && word.chars().zip(shape.chars()).all(|(c, s)| match s {
            '0' => c.is_ascii_digit(),
            other => c == other,
        })
}

#[test]
fn what_differs_from_run_to_run_is_left_out() {
    let shown = "raw.orders  done  3 rows in 41 ms, 1.2 KB\nrun 0198a2f4-0000-7000-8000-0123456789ab (2026-11-22T06:30:00.5Z)\n----+-----\n";
    let page = |lines: &[&str]| lines.iter().map(|l| (*l).to_string()).collect::<Vec<_>>();
    let right = page(&[
        "raw.orders   done 3 rows in 2.0 s, 900 B",
        "run 0198a2f4-ffff-7000-8000-0123456789ab (2024-01-01T00:00:00Z)",
        "--+--",
    ]);
    assert!(alike(&right, shown));
    assert!(alike(&page(&["raw.orders ... 3 rows in ...", "..."]), shown));
    assert!(alike(&page(&["...", "run ... (2024-01-01T00:00:00Z)", "..."]), shown));
    for wrong in [
        page(&["raw.orders done 4 rows in 2.0 s, 900 B", "..."]),
        page(&["raw.orders done 3 rows in 2.0 s, 900 B"]),
        page(&["...", "run ..."]),
        page(&[]),
    ] {
        assert!(!alike(&wrong, shown), "{wrong:?}");
    }
}

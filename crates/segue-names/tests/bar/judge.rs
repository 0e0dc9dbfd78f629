//! What is right, and what came of it: counted by kind, with every failure by name.

use crate::catalogue::{Artist, By, Catalogue};
use segue_names::Answer;
use std::fmt::Write as _;

/// A list that is longer than this does not count as one: somebody has to choose from it.
const MOST_LISTED: usize = 10;
/// So many names that were only listed are shown; all others that were not right are shown whole.
const LISTED_SHOWN: usize = 60;

/// What an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Who is meant, alone; or several of whom one is meant, where they are written alike.
    Right,
    /// Several, and one of them is meant.
    Listed,
    /// Nobody, or several others.
    Missed,
    /// One, and not who is meant; or one of several who are written alike.
    Wrong,
}

/// Whom a text means, by plain comparison with all that is written in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// Who was meant.
    One,
    /// Several have this very name, who was meant among them.
    Several,
    /// Who was meant, or a list with them: it was made from a name that several have, or any of several will do.
    Either,
    /// It has become the name of somebody else, or is rather somebody else's: it is theirs by right.
    Another,
}

/// Whether this text, written for one of `meant`, still means them.
pub fn meant(text: &str, meant: &[usize], catalogue: &Catalogue) -> Meant {
    let (of_them, of_others): (Vec<_>, Vec<_>) = catalogue
        .carriers(text)
        .into_iter()
        .partition(|(at, _)| meant.contains(at));
    let strongest = |carriers: &[(usize, By)]| carriers.iter().map(|(_, by)| *by).min();
    match (strongest(&of_them), strongest(&of_others)) {
        (_, None) => Meant::One,
        (None, Some(_)) => Meant::Another,
        (Some(theirs), Some(others)) if others < theirs => Meant::Another,
        // Spellings that the index is not told are not said to be equal names.
        (Some(theirs), Some(others)) if others == theirs && theirs != By::Spelling => Meant::Several,
        _ => Meant::One,
    }
}

/// The same of a text that was made from a name.
pub fn meant_by(text: &str, base: &str, of: &[usize], catalogue: &Catalogue) -> Meant {
    match (meant(base, of, catalogue), meant(text, of, catalogue)) {
        (Meant::Another, _) => Meant::Another,
        (Meant::Several, Meant::One) => Meant::Either,
        (_, meant) => meant,
    }
}

/// What this answer is worth where one of `ids` is meant.
pub fn judge(answer: &Answer, ids: &[&str], meant: Meant) -> Verdict {
    let is_meant = |id: &str| ids.contains(&id);
    match answer {
        Answer::One(candidate) if meant != Meant::Several && is_meant(&candidate.id) => Verdict::Right,
        Answer::One(_) => Verdict::Wrong,
        Answer::Several(candidates) => {
            let mut named = candidates.iter().take(MOST_LISTED);
            match named.any(|candidate| is_meant(&candidate.id)) {
                true if matches!(meant, Meant::Several | Meant::Either) => Verdict::Right,
                true => Verdict::Listed,
                false => Verdict::Missed,
            }
        }
        // What comes nearest is a suggestion, and not an answer.
        Answer::None(_) => Verdict::Missed,
    }
}

/// How often what came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub right: usize,
    pub listed: usize,
    pub missed: usize,
    pub wrong: usize,
    /// Texts that are somebody else's by right; they are not asked.
    pub excluded: usize,
}

impl Counts {
    pub fn asked(&self) -> usize {
        self.right + self.listed + self.missed + self.wrong
    }

    fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Right => self.right += 1,
            Verdict::Listed => self.listed += 1,
            Verdict::Missed => self.missed += 1,
            Verdict::Wrong => self.wrong += 1,
        }
    }

    fn share(&self, of: usize) -> f64 {
        of as f64 / (self.asked() as f64).max(1.0)
    }

    /// Why the bar is not met; empty where it is.
    pub fn below(&self, bar: &Bar) -> Vec<String> {
        let (right, found) = (self.share(self.right), self.share(self.right + self.listed));
        let mut why = Vec::new();
        if right < bar.right {
            why.push(format!(
                "{:.2} % are right, and {:.1} % is the least",
                right * 100.0,
                bar.right * 100.0
            ));
        }
        if found < bar.found {
            why.push(format!(
                "{:.2} % are right or listed, and {:.1} % is the least",
                found * 100.0,
                bar.found * 100.0
            ));
        }
        if self.wrong > bar.wrong {
            why.push(format!("{} are wrong, and {} is the most", self.wrong, bar.wrong));
        }
        why
    }
}

/// What must be reached.
pub struct Bar {
    /// The least share that is right.
    pub right: f64,
    /// The least share that is right or listed.
    pub found: f64,
    /// The most that are wrong.
    pub wrong: usize,
}

/// All that came, by kind.
#[derive(Default)]
pub struct Report {
    kinds: Vec<(&'static str, Counts)>,
    failures: Vec<(Verdict, String)>,
}

impl Report {
    fn of(&mut self, kind: &'static str) -> &mut Counts {
        let at = self.kinds.iter().position(|(name, _)| *name == kind);
        let at = at.unwrap_or_else(|| {
            self.kinds.push((kind, Counts::default()));
            self.kinds.len() - 1
        });
        &mut self.kinds[at].1
    }

    /// Counts a text that is somebody else's by right.
    pub fn exclude(&mut self, kind: &'static str) {
        self.of(kind).excluded += 1;
    }

    /// Counts an answer, and keeps it where it is not right.
    pub fn add(&mut self, kind: &'static str, text: &str, meant: &[&Artist], answer: &Answer, verdict: Verdict) {
        self.of(kind).add(verdict);
        if verdict != Verdict::Right {
            let names: Vec<&str> = meant.iter().map(|artist| artist.name.as_str()).collect();
            let line = format!(
                "{verdict:?}, {kind}: {text:?} is {}: {}",
                names.join(" or "),
                told(answer)
            );
            self.failures.push((verdict, line));
        }
    }

    /// All kinds together.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for (_, counts) in &self.kinds {
            total.right += counts.right;
            total.listed += counts.listed;
            total.missed += counts.missed;
            total.wrong += counts.wrong;
            total.excluded += counts.excluded;
        }
        total
    }

    /// As Markdown: the table, then what was not right, the worst first.
    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "| names | asked | right | listed | none of them | wrong | another's by right |\n|---|--:|--:|--:|--:|--:|--:|\n",
        );
        let mut line = |name: &str, counts: &Counts| {
            let Counts {
                right,
                listed,
                missed,
                wrong,
                excluded,
            } = counts;
            let _a_string_takes_all = writeln!(
                text,
                "| {name} | {} | {right} ({:.1} %) | {listed} | {missed} | {wrong} | {excluded} |",
                counts.asked(),
                counts.share(*right) * 100.0
            );
        };
        for (name, counts) in &self.kinds {
            line(name, counts);
        }
        line("**all**", &self.total());
        for worst in [Verdict::Wrong, Verdict::Missed, Verdict::Listed] {
            let most = if worst == Verdict::Listed {
                LISTED_SHOWN
            } else {
                usize::MAX
            };
            let lines: Vec<&String> = (self.failures.iter())
                .filter(|(verdict, _)| *verdict == worst)
                .map(|(_, line)| line)
                .collect();
            if !lines.is_empty() {
                text.push('\n');
            }
            for line in lines.iter().take(most) {
                let _a_string_takes_all = writeln!(text, "- {line}");
            }
            if lines.len() > most {
                let _a_string_takes_all = writeln!(text, "- and {} more that were listed", lines.len() - most);
            }
        }
        text
    }
}

fn told(answer: &Answer) -> String {
    let names: Vec<String> = (answer.candidates().iter().take(4))
        .map(|candidate| {
            format!(
                "{} ({}, {:.2})",
                candidate.name,
                candidate.reason.word(),
                candidate.score
            )
        })
        .collect();
    let kind = match answer {
        Answer::One(_) => "one",
        Answer::Several(_) => "several",
        Answer::None(_) => "none, near",
    };
    let more = answer.candidates().len().saturating_sub(names.len());
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{kind} [{}]{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_names::{Candidate, Reason};

    fn candidate(id: &str) -> Candidate {
        Candidate {
            id: id.into(),
            name: id.to_uppercase(),
            alias: None,
            reason: Reason::Same,
            score: 1.0,
            popularity: None,
        }
    }

    #[test]
    fn an_answer_is_worth_what_is_said() {
        let one = |id: &str| Answer::One(candidate(id));
        let several = |ids: &[&str]| Answer::Several(ids.iter().map(|id| candidate(id)).collect());
        assert_eq!(judge(&one("a"), &["a"], Meant::One), Verdict::Right);
        assert_eq!(judge(&one("b"), &["a"], Meant::One), Verdict::Wrong);
        assert_eq!(judge(&one("b"), &["a", "b"], Meant::One), Verdict::Right);
        assert_eq!(judge(&several(&["b", "a"]), &["a"], Meant::One), Verdict::Listed);
        assert_eq!(judge(&several(&["b", "c"]), &["a"], Meant::One), Verdict::Missed);
        assert_eq!(
            judge(&Answer::None(vec![candidate("a")]), &["a"], Meant::One),
            Verdict::Missed
        );
        // Of two Nirvanas none is to be chosen.
        assert_eq!(judge(&several(&["b", "a"]), &["a"], Meant::Several), Verdict::Right);
        assert_eq!(judge(&one("a"), &["a"], Meant::Several), Verdict::Wrong);
        assert_eq!(judge(&several(&["b", "a"]), &["a"], Meant::Either), Verdict::Right);
        assert_eq!(judge(&one("a"), &["a"], Meant::Either), Verdict::Right);
        assert_eq!(judge(&one("b"), &["a"], Meant::Either), Verdict::Wrong);
        let long: Vec<String> = (0..=MOST_LISTED).map(|n| format!("b{n}")).chain(["a".into()]).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        assert_eq!(judge(&several(&long), &["a"], Meant::One), Verdict::Missed);
    }

    #[test]
    fn a_name_that_is_somebody_elses_is_theirs() {
        let catalogue = Catalogue::load();
        let of = |name: &str| -> Vec<usize> {
            let all = catalogue.artists.iter().enumerate();
            all.filter(|(_, artist)| artist.name == name)
                .map(|(at, _)| at)
                .collect()
        };
        let edens = of("Eden");
        assert_eq!(meant("EDEN", &edens[..1], &catalogue), Meant::Several);
        assert_eq!(meant("Edan", &edens[..1], &catalogue), Meant::Another);
        assert_eq!(meant("Edne", &edens[..1], &catalogue), Meant::One);
        assert_eq!(meant_by("Edne", "Eden", &edens[..1], &catalogue), Meant::Either);
        assert_eq!(meant_by("EDEN", "Eden", &edens[..1], &catalogue), Meant::Several);
        // Who is called SUGA is written as a group is called.
        assert_eq!(meant_by("슈가가", "슈가", &of("SUGA"), &catalogue), Meant::Another);
        assert_eq!(meant("Bryan Adams", &of("Ryan Adams"), &catalogue), Meant::Another);
        // Booker T is two, and either will do.
        let both = [of("Booker T. Jones"), of("Booker T. & the M.G.’s")].concat();
        assert_eq!(meant("Booker T", &both, &catalogue), Meant::One);
        assert_eq!(meant("Booker T", &both[..1], &catalogue), Meant::Several);
    }

    #[test]
    fn a_bar_is_met_or_says_why() {
        let bar = Bar {
            right: 0.95,
            found: 0.99,
            wrong: 0,
        };
        let counts = |right, listed, missed, wrong| Counts {
            right,
            listed,
            missed,
            wrong,
            excluded: 3,
        };
        assert_eq!(counts(95, 4, 1, 0).below(&bar), [""; 0]);
        assert_eq!(
            counts(94, 4, 1, 1).below(&bar),
            [
                "94.00 % are right, and 95.0 % is the least",
                "98.00 % are right or listed, and 99.0 % is the least",
                "1 are wrong, and 0 is the most"
            ]
        );
    }
}

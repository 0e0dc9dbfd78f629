//! `segue test`: what assets' SQL gives over rows that are given. Nothing is asked of a network, and no lake or state is opened.

mod bench;
mod checks;
mod compare;
mod given;
mod one;
mod slt;
mod update;

use crate::load::Loaded;
use crate::surroundings::Surroundings;
use bench::Bench;
use futures::{StreamExt, stream};
use segue_core::{Ctx, Error, Kind, Result};
use segue_diag::{Diagnostic, NO_SUCH_TEST, Severity, Text, closest};
use segue_spec::testing::Test;
use segue_spec::{AssetName, Graph, Project, Selector};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The tests of a project.
#[derive(Debug, Default)]
pub struct Tests {
    written: Vec<Test>,
    /// Files of SQL with its expected rows: their paths and texts.
    scripts: Vec<(String, String)>,
    /// What is wrong with them, in the order of files and places. Nothing of a file in which something is wrong is run.
    pub diagnostics: Vec<Diagnostic>,
}

impl Tests {
    /// Those of a project that was read.
    pub(crate) fn of(loaded: &Loaded) -> Tests {
        let scripts = loaded
            .files
            .paths()
            .filter(|p| p.starts_with("tests/") && p.ends_with(".slt"));
        let scripts: Vec<(String, String)> = scripts
            .filter_map(|path| Some((path.to_string(), loaded.files.text(path)?.to_string())))
            .collect();
        let mut diagnostics: Vec<Diagnostic> = scripts
            .iter()
            .filter_map(|(path, text)| slt::mistake(path, text))
            .collect();
        // An asset whose file has mistakes is missed by its tests as well, and that is said once.
        let project = loaded.project.as_ref().filter(|_| loaded.mistakes() == 0);
        let (written, mut found) = match project {
            Some(project) => segue_spec::testing::tests(&loaded.files, project),
            None => (Vec::new(), Vec::new()),
        };
        diagnostics.append(&mut found);
        diagnostics.sort_by(|a, b| place(a).cmp(&place(b)));
        Tests {
            written,
            scripts,
            diagnostics,
        }
    }

    /// The files in which something is wrong.
    fn broken(&self) -> BTreeSet<&str> {
        let errors = self.diagnostics.iter().filter(|d| d.severity == Severity::Error);
        errors.filter_map(|d| Some(d.span.as_ref()?.file.as_str())).collect()
    }
}

fn place(d: &Diagnostic) -> Option<(&str, usize)> {
    d.span.as_ref().map(|s| (s.file.as_str(), s.bytes.start))
}

/// Which tests are run, and what is done with what they find.
#[derive(Clone, Debug, Default)]
pub struct TestRequest {
    /// Assets, as a run takes them, and files or folders of `tests/`; all tests where there are none.
    pub words: Vec<String>,
    /// Only tests whose name, or whose file's, has this in it.
    pub filter: Option<String>,
    /// Whether what is expected is written anew, as it is found.
    pub update: bool,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// What came is what is expected.
    Passed,
    /// What came was written down as what is expected.
    Updated,
    /// Something else came.
    Failed {
        /// What, for people; several lines where rows differ.
        message: String,
    },
    /// It cannot be run as it is written.
    Broken {
        /// Why, for people.
        message: String,
        /// The code whose page explains it.
        code: Option<String>,
        /// What to do about it.
        hint: Option<String>,
        /// Where in its file.
        #[serde(skip)]
        at: Option<Box<Diagnostic>>,
    },
}

impl Outcome {
    fn broken(error: &Error) -> Outcome {
        Outcome::Broken {
            message: error.to_string(),
            code: error.error_code().map(|c| c.as_str().to_string()),
            hint: error.hint_text().map(str::to_string),
            at: None,
        }
    }

    fn misread(found: Diagnostic) -> Outcome {
        Outcome::Broken {
            message: found.message.clone(),
            code: Some(found.code.as_str().to_string()),
            hint: found.hint.clone(),
            at: Some(Box::new(found)),
        }
    }
}

/// One test, run.
#[derive(Clone, Debug, Serialize)]
pub struct Tested {
    /// What it is called.
    pub name: String,
    /// The file in which it stands.
    pub file: String,
    /// Its line there, from 1.
    pub line: usize,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What is worth saying: checks that only warn, rows that a run would set aside.
    pub notes: Vec<String>,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

/// What came of the tests.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TestReport {
    /// Each, in the order of files and places.
    pub tests: Vec<Tested>,
    /// How many passed.
    pub passed: usize,
    /// How many had their expectations written anew.
    pub updated: usize,
    /// How many gave something else.
    pub failed: usize,
    /// How many could not be run, and files that cannot be read among them.
    pub broken: usize,
}

impl TestReport {
    /// The exit code: 0 where all is as expected, 2 for a test that cannot be run, 9 for one that failed.
    pub fn exit_code(&self) -> u8 {
        match (self.broken, self.failed) {
            (0, 0) => 0,
            (0, _) => 9,
            _ => Kind::Invalid.exit_code(),
        }
    }

    fn add(&mut self, tested: Tested) {
        match &tested.outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Updated => self.updated += 1,
            Outcome::Failed { .. } => self.failed += 1,
            Outcome::Broken { .. } => self.broken += 1,
        }
        self.tests.push(tested);
    }
}

/// Runs the chosen tests of a project, several at once; each is told when those before it were.
///
/// Tests in files with mistakes are left out, and each such file counts as broken: [`Tests::diagnostics`] says why.
///
/// # Errors
/// `NotFound` for words that choose no test; `Invalid` for words that mean nothing; `Cancelled`.
pub async fn test(
    loaded: &Loaded,
    tests: &Tests,
    request: &TestRequest,
    surroundings: &Surroundings,
    ctx: &Ctx,
    mut told: impl FnMut(&Tested),
) -> Result<TestReport> {
    let Some(project) = &loaded.project else {
        return Err(Error::bug("tests of a project that cannot be read"));
    };
    let chosen = Chosen::of(project, tests, request)?;
    let bench = Bench::new(Arc::new(project.clone()), &loaded.folder, surroundings, ctx)?;
    let broken = tests.broken();
    let mut report = TestReport {
        broken: broken.iter().filter(|file| chosen.files.contains(**file)).count(),
        ..TestReport::default()
    };
    let mut work: Vec<Work<'_>> = Vec::new();
    let written = tests.written.iter().filter(|t| chosen.names.contains(t.name.as_str()));
    work.extend(
        written
            .filter(|t| !broken.contains(t.place.file.as_str()))
            .map(Work::Written),
    );
    let scripts = tests
        .scripts
        .iter()
        .filter(|(path, _)| chosen.files.contains(path.as_str()));
    work.extend(
        scripts
            .filter(|(path, _)| !broken.contains(path.as_str()))
            .map(|(path, text)| Work::Script(path, text)),
    );
    work.sort_by_key(|work| work.place());
    let at_once = std::thread::available_parallelism().map_or(2, |n| n.get());
    let running = work.iter().map(|work| run(&bench, work, request.update, loaded, ctx));
    let mut done = std::pin::pin!(stream::iter(running.collect::<Vec<_>>()).buffered(at_once));
    let mut rewritten = update::Rewritten::default();
    while let Some(ended) = done.next().await {
        ctx.go_on()?;
        let (mut tested, change) = ended;
        if let Some(change) = change {
            rewritten.add(&tested.file, change);
            tested.outcome = Outcome::Updated;
        }
        told(&tested);
        report.add(tested);
    }
    rewritten.write(&loaded.folder)?;
    Ok(report)
}

/// Something to run.
enum Work<'t> {
    Written(&'t Test),
    Script(&'t str, &'t str),
}

impl Work<'_> {
    fn place(&self) -> (String, usize) {
        match self {
            Work::Written(test) => (test.place.file.clone(), test.place.start),
            Work::Script(path, _) => ((*path).to_string(), 0),
        }
    }
}

/// Runs one, and gives how its file is to be changed, where that is wanted and it came otherwise.
async fn run(
    bench: &Bench,
    work: &Work<'_>,
    update: bool,
    loaded: &Loaded,
    ctx: &Ctx,
) -> (Tested, Option<update::Change>) {
    let began = ctx.clock.elapsed();
    let (name, file, line, ended) = match work {
        Work::Written(test) => {
            let file = test.place.file.clone();
            let text = loaded.files.text(&file).unwrap_or_default();
            let before = &text[..text.floor_char_boundary(test.place.start)];
            let line = before.matches('\n').count() + 1;
            (test.name.clone(), file, line, one::run(bench, test, update).await)
        }
        Work::Script(path, text) => {
            let name = path.strip_prefix("tests/").unwrap_or(path).to_string();
            (name, (*path).to_string(), 1, slt::run(bench, path, text, update).await)
        }
    };
    let took = ctx.clock.elapsed().saturating_sub(began);
    let tested = Tested {
        name,
        file,
        line,
        outcome: ended.outcome,
        notes: ended.notes,
        took_us: micros(took),
    };
    (tested, ended.change)
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// How a test ended, and what would make its file right.
struct Ended {
    outcome: Outcome,
    notes: Vec<String>,
    change: Option<update::Change>,
}

impl Ended {
    fn of(outcome: Outcome) -> Ended {
        Ended {
            outcome,
            notes: Vec::new(),
            change: None,
        }
    }
}

/// Which tests are run: the written ones by their names, and all by their files.
struct Chosen<'t> {
    names: BTreeSet<&'t str>,
    files: BTreeSet<&'t str>,
}

impl<'t> Chosen<'t> {
    fn of(project: &Project, tests: &'t Tests, request: &TestRequest) -> Result<Chosen<'t>> {
        let (mut paths, mut words) = (Vec::new(), Vec::new());
        for word in &request.words {
            match path_of(word) {
                Some(path) => paths.push(path),
                None => words.push(word.clone()),
            }
        }
        let assets: Option<BTreeSet<AssetName>> = match words.is_empty() {
            true => None,
            false => Some(
                Selector::parse(&words)?
                    .select(project, &Graph::of(project))?
                    .into_iter()
                    .collect(),
            ),
        };
        let all = request.words.is_empty();
        let is_there = |file: &str| paths.iter().any(|path| Path::new(file).starts_with(path));
        let is_filtered = |name: &str, file: &str| {
            let filter = request.filter.as_deref();
            filter.is_none_or(|filter| name.contains(filter) || file.contains(filter))
        };
        let mut chosen = Chosen {
            names: BTreeSet::new(),
            files: BTreeSet::new(),
        };
        for test in &tests.written {
            let file = test.place.file.as_str();
            let is_asset = assets.as_ref().is_some_and(|assets| assets.contains(&test.asset));
            if (all || is_there(file) || is_asset) && is_filtered(&test.name, file) {
                chosen.names.insert(test.name.as_str());
                chosen.files.insert(file);
            }
        }
        for (file, text) in &tests.scripts {
            let names = |asset: &AssetName| text.contains(asset.as_str());
            let is_asset = assets.as_ref().is_some_and(|assets| assets.iter().any(names));
            if (all || is_there(file) || is_asset) && is_filtered(file, file) {
                chosen.files.insert(file.as_str());
            }
        }
        for file in tests.broken() {
            if (all || is_there(file)) && is_filtered(file, file) {
                chosen.files.insert(file);
            }
        }
        let is_nothing = chosen.files.is_empty();
        match is_nothing && (!all || request.filter.is_some()) {
            true => Err(nothing_chosen(tests, request)),
            false => Ok(chosen),
        }
    }
}

/// The path that a word is, relative to the project's folder; `None` for the name of an asset.
fn path_of(word: &str) -> Option<String> {
    let path = word.strip_prefix("./").unwrap_or(word).trim_end_matches('/');
    let is_path = path == "tests" || path.starts_with("tests/") || path.ends_with(".slt") || path.ends_with(".yaml");
    is_path.then(|| match path == "tests" || path.starts_with("tests/") {
        true => path.to_string(),
        false => format!("tests/{path}"),
    })
}

fn nothing_chosen(tests: &Tests, request: &TestRequest) -> Error {
    let words: Vec<&str> = request
        .words
        .iter()
        .map(String::as_str)
        .chain(request.filter.as_deref())
        .collect();
    let error = Error::new(Kind::NotFound, format!("no test is chosen by `{}`", words.join(" "))).code(NO_SUCH_TEST);
    let written = tests
        .written
        .iter()
        .flat_map(|t| [t.name.as_str(), t.place.file.as_str()]);
    let known = written.chain(tests.scripts.iter().map(|(path, _)| path.as_str()));
    match words.first().and_then(|word| closest(word, known)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(
            "name an asset that has tests, a file or a folder of `tests/`, or a part of a test's name with --filter",
        ),
    }
}

#[cfg(test)]
mod tests;

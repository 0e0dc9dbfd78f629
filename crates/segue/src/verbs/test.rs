//! `segue test`

use crate::args::Test;
use crate::out::{Out, took};
use crate::stop::{self, UnderWay};
use crate::verbs::check::{count, show_beside};
use crate::verbs::wait;
use segue_app::{Outcome, Surroundings, TestReport, TestRequest, Tested};
use segue_core::{Ctx, Error, Kind, Result};
use segue_diag::PROJECT_HAS_MISTAKES;
use std::time::Duration;

pub fn run(test: &Test, environment: Option<&str>, surroundings: &Surroundings, out: &Out) -> Result<u8> {
    let (loaded, tests) = segue_app::load_with_tests(&segue_app::find(&surroundings.folder)?)?;
    loaded.environment(environment)?;
    if loaded.mistakes() > 0 || loaded.project.is_none() {
        show_beside(&loaded, out);
        let error = Error::new(
            Kind::Invalid,
            format!("the project has {}", count(loaded.mistakes(), "mistake")),
        );
        return Err(error
            .code(PROJECT_HAS_MISTAKES)
            .hint("mend them; tests are run after that"));
    }
    for diagnostic in &tests.diagnostics {
        out.note(format!(
            "{}\n",
            segue_diag::render(diagnostic, &loaded.files, out.colour)
        ));
    }
    let request = TestRequest {
        words: test.words.clone(),
        filter: test.filter.clone(),
        update: test.update,
    };
    let ctx = Ctx::new("test", surroundings.clock.clone());
    let began = ctx.clock.elapsed();
    let report = wait(async {
        let _heard = stop::hear(match request.update {
            true => UnderWay::Writing(ctx.cancel.clone()),
            false => UnderWay::Looking(ctx.cancel.clone()),
        })?;
        let told = |tested: &Tested| tell(tested, &loaded, out);
        segue_app::test(&loaded, &tests, &request, surroundings, &ctx, told).await
    })?;
    out.value(&json(&report, &tests));
    out.line(format!(
        "{} in {}",
        sum(&report),
        took(ctx.clock.elapsed().saturating_sub(began))
    ));
    Ok(report.exit_code())
}

/// The report, and what is wrong with files that could not be run.
fn json(report: &TestReport, tests: &segue_app::Tests) -> serde_json::Value {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    if !tests.diagnostics.is_empty() {
        value["mistakes"] = serde_json::to_value(&tests.diagnostics).unwrap_or_default();
    }
    value
}

/// A line for a test, and below it what is wrong.
fn tell(tested: &Tested, loaded: &segue_app::Loaded, out: &Out) {
    let took = took(Duration::from_micros(tested.took_us));
    let what = match tested.file.ends_with(".slt") {
        true => tested.file.clone(),
        false => format!("{}:{} {}", tested.file, tested.line, tested.name),
    };
    let word = match &tested.outcome {
        Outcome::Passed => "ok",
        Outcome::Updated => "updated",
        Outcome::Failed { .. } => "FAILED",
        Outcome::Broken { .. } => "BROKEN",
    };
    out.line(format!("{word} {what} ({took})"));
    match &tested.outcome {
        Outcome::Passed | Outcome::Updated => {}
        Outcome::Failed { message } => indented(message, out),
        Outcome::Broken { at: Some(at), .. } => {
            indented(&segue_diag::render(at, &loaded.files, out.colour), out);
        }
        Outcome::Broken {
            message, code, hint, ..
        } => {
            let code = code.as_ref().map_or(String::new(), |code| format!("[{code}]"));
            indented(&format!("error{code}: {message}"), out);
            if let Some(hint) = hint {
                indented(&format!("  hint: {hint}"), out);
            }
        }
    }
    for note in &tested.notes {
        indented(&format!("note: {note}"), out);
    }
}

fn indented(text: &str, out: &Out) {
    for line in text.lines() {
        out.line(format!("    {line}").trim_end());
    }
}

/// `3 passed, 1 failed`.
fn sum(report: &TestReport) -> String {
    let counts = [
        (report.passed, "passed"),
        (report.updated, "updated"),
        (report.failed, "failed"),
        (report.broken, "broken"),
    ];
    let told: Vec<String> = counts
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    match told.is_empty() {
        true => "there are no tests".to_string(),
        false => told.join(", "),
    }
}

//! The command line: reads the words, calls one use-case, shows what came of it. It decides nothing.

mod args;
mod clock;
mod lean;
mod logs;
mod memory;
mod out;
mod progress;
mod stop;
mod verbs;

use clap::Parser;
use clap::error::ErrorKind;
use segue_app::Surroundings;
use segue_core::{Error, Kind};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: memory::Counted = memory::Counted;

fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(refused) => return usage(&refused),
    };
    let out = out::Out::new(args.json);
    logs::begin(std::env::var("SEGUE_LOG").ok().as_deref(), args.json);
    if args.verb.works_for_long() {
        lean::begin_again();
    }
    memory::begin();
    let surroundings = Surroundings {
        variables: std::env::vars_os()
            .filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)))
            .collect(),
        folder: args.folder.clone().map_or_else(
            || std::env::current_dir().unwrap_or_default(),
            |f| std::path::absolute(&f).unwrap_or(f),
        ),
        clock: clock::of_this_machine(),
        memory: None,
    };
    verbs::fault::arm(&surroundings);
    // The first of two providers that the tree holds; without this line the choice would be made by a panic.
    let _already_chosen = rustls::crypto::ring::default_provider().install_default();
    match verbs::run(args, surroundings, &out) {
        Ok(0) if out::is_cut_short() => ExitCode::from(Kind::Unavailable.exit_code()),
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            out.error(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

/// Help and versions as they are; words that cannot be read as JSON, if JSON was asked for.
fn usage(refused: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|word| word == "--json");
    if !refused.use_stderr() || !json {
        refused.exit();
    }
    let text = refused.render().to_string();
    let message = match refused.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => "no verb is given".into(),
        _ => {
            let words: Vec<&str> = text
                .lines()
                .take_while(|l| !l.trim().is_empty())
                .map(str::trim)
                .collect();
            words.join(" ").trim_start_matches("error: ").to_string()
        }
    };
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    out::Out::new(true).error(&Error::new(Kind::Invalid, message).hint(tip.unwrap_or("see `segue --help`")));
    ExitCode::from(Kind::Invalid.exit_code())
}

//! The command line: reads the words, calls one use-case, shows what came of it. It decides nothing.

mod args;
mod clock;
mod out;
mod progress;
mod stop;
mod verbs;

use clap::Parser;
use segue_app::Surroundings;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let out = out::Out::new(args.json);
    let surroundings = Surroundings {
        variables: std::env::vars_os()
            .filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)))
            .collect(),
        folder: args.folder.clone().map_or_else(
            || std::env::current_dir().unwrap_or_default(),
            |f| std::path::absolute(&f).unwrap_or(f),
        ),
        clock: clock::of_this_machine(),
    };
    verbs::fault::arm(&surroundings);
    // The first of two providers that the tree holds; without this line the choice would be made by a panic.
    let _already_chosen = rustls::crypto::ring::default_provider().install_default();
    match verbs::run(args, surroundings, &out) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            out.error(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

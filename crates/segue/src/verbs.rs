//! A file a verb: translate the words, call the use-case, show what came of it.

mod asset;
mod chat;
mod check;
mod completions;
mod connect;
mod connection;
mod copy;
mod demo;
mod discover;
mod explain;
pub mod fault;
mod import;
mod init;
mod lake;
mod plan;
mod preview;
mod quarantine;
mod record;
mod reference;
mod resolve;
mod runs;
mod schema;
mod sql;
mod state;
mod status;
mod test;
mod work;

use crate::args::{Args, Lake, Quarantine, State, Verb};
use crate::logs;
use crate::out::Out;
use crate::stop::{self, UnderWay};
use segue_app::{App, Surroundings};
use segue_core::{Error, Kind, Result};
use std::future::Future;
use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

/// Runs the verb; the exit code of a command that did what it was told.
///
/// # Errors
/// Whatever ended it otherwise.
pub fn run(args: Args, surroundings: Surroundings, out: &Out) -> Result<u8> {
    let Args {
        environment,
        verb,
        memory,
        ..
    } = args;
    let surroundings = Surroundings {
        memory: memory.as_deref().map(size).transpose()?.or(surroundings.memory),
        ..surroundings
    };
    match &verb {
        Verb::Init(init) => return init::run(init, &surroundings, out),
        Verb::Check => return check::run(&surroundings, environment.as_deref(), out),
        Verb::Connect { api, .. } => return connect::run(api.as_deref(), &surroundings, out),
        Verb::Import(import) => return import::run(import, &surroundings, out),
        Verb::Test(test) => return test::run(test, environment.as_deref(), &surroundings, out),
        Verb::Explain { code } => return explain::run(code, out),
        Verb::Schema { into } => return schema::run(into.as_deref(), &surroundings, out),
        Verb::Copy(copy) => return copy::run(copy, &surroundings, out),
        Verb::Demo(options) => return demo::run(options, environment.as_deref(), &surroundings, out),
        Verb::DemoServer(options) => return demo::serve(options, out),
        Verb::Completions { shell } => return completions::run(*shell, out),
        Verb::Reference { into } => return reference::run(into, &surroundings, out),
        _ => {}
    }
    wait(async {
        let environment = environment.as_deref();
        let opened = match only_looks(&verb) {
            true => App::open_to_look(&surroundings, environment).await,
            false => App::open(&surroundings, environment).await.map(|app| (app, None)),
        };
        let (app, remark) = opened.map_err(|refused| {
            if let Some(loaded) = &refused.loaded {
                check::show_beside(loaded, out);
            }
            refused.error
        })?;
        logs::redact_by(app.redactor());
        if let Some(remark) = remark {
            out.warning(&remark);
        }
        let _heard = stop::hear(match &verb {
            Verb::Sql(sql) if sql::is_prompt(sql) => UnderWay::Prompt,
            Verb::Chat(chat) if chat::is_prompt(chat) => UnderWay::Prompt,
            verb if verb.writes() => UnderWay::Writing(app.ctx.cancel.clone()),
            _ => UnderWay::Looking(app.ctx.cancel.clone()),
        })?;
        let done = with_project(&app, &verb, out).await;
        app.store.close().await;
        done.map_err(|error| app.without_secrets(error))
    })
}

/// Whether a verb shows what is there and changes none of it, so that mistakes in the project's files are none of its business.
fn only_looks(verb: &Verb) -> bool {
    match verb {
        Verb::Runs { .. } | Verb::Logs { .. } | Verb::Sql(_) | Verb::Resolve { .. } | Verb::Chat(_) => true,
        Verb::Quarantine(aside) => matches!(aside, Quarantine::List | Quarantine::Show { .. }),
        Verb::State(state) => matches!(state, State::Backup { .. }),
        Verb::Lake(lake) => matches!(lake, Lake::History { .. }),
        _ => false,
    }
}

async fn with_project(app: &App, verb: &Verb, out: &Out) -> Result<u8> {
    let ctx = &app.ctx;
    match verb {
        Verb::Connection(verb) => connection::run(app, verb, ctx, out).await,
        Verb::Discover(verb) => discover::run(app, verb, ctx, out).await,
        Verb::Preview { asset, limit, params } => preview::run(app, asset, *limit, params, ctx, out).await,
        Verb::Record { asset, into, params } => record::run(app, asset, into.as_deref(), params, ctx, out).await,
        Verb::Plan(plan) => plan::plan(app, plan, ctx, out).await,
        Verb::Apply(apply) => plan::apply(app, apply, ctx, out).await,
        Verb::Run(run) => work::run(app, run, ctx, out).await,
        Verb::Backfill(backfill) => work::backfill(app, backfill, ctx, out).await,
        Verb::Resume { run, patience } => work::resume(app, run.as_deref(), patience, ctx, out).await,
        Verb::Status(status) => status::status(app, status, ctx, out).await,
        Verb::Why { asset, params } => status::why(app, asset, params, ctx, out).await,
        Verb::Runs { limit } => runs::runs(app, *limit, out).await,
        Verb::Logs { run, asset } => runs::logs(app, run.as_deref(), asset.as_deref(), out).await,
        Verb::Sql(sql) => sql::run(app, sql, ctx, out).await,
        Verb::Resolve { asset, text } => resolve::run(app, asset, text, ctx, out).await,
        Verb::Chat(chat) => chat::run(app, chat, ctx, out).await,
        Verb::Lake(verb) => lake::run(app, verb, ctx, out).await,
        Verb::Quarantine(verb) => quarantine::run(app, verb, ctx, out).await,
        Verb::State(verb) => state::run(app, verb, ctx, out).await,
        Verb::Asset(verb) => asset::run(app, verb, ctx, out).await,
        Verb::Init(_)
        | Verb::Check
        | Verb::Connect { .. }
        | Verb::Import(_)
        | Verb::Test(_)
        | Verb::Explain { .. }
        | Verb::Schema { .. }
        | Verb::Copy(_)
        | Verb::Demo(_)
        | Verb::DemoServer(_)
        | Verb::Completions { .. }
        | Verb::Reference { .. } => Err(Error::bug("this verb needs no project")),
    }
}

/// Runs a verb that waits for things.
fn wait<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(Kind::Unavailable, "cannot start threads").caused_by(e))?;
    let done = runtime.block_on(future);
    // Blocking tasks that nobody waits for any more must not keep the program from ending.
    runtime.shutdown_background();
    done
}

/// `30s`, `5m`, `1h`, `7d`.
fn duration(text: &str) -> Result<Duration> {
    segue_app::duration(text)
}

/// `512MiB`.
fn size(text: &str) -> Result<u64> {
    segue_app::size(text)
}

/// Asks a yes-or-no question on a terminal; elsewhere, and where a program reads, nobody can agree.
fn agreed(question: &str, out: &Out) -> Result<bool> {
    if out.json || !std::io::stdin().is_terminal() {
        return Err(Error::new(Kind::Invalid, "nobody is there to agree").hint("add --yes"));
    }
    eprint!("{question} [y/N] ");
    let _shown = std::io::stderr().flush();
    let mut answer = String::new();
    let _read = std::io::stdin().lock().read_line(&mut answer);
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

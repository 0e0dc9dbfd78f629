//! The page of the command line, from the words that it is read by.

use super::{sentence, table};
use crate::args::Args;
use clap::{Arg, Command, CommandFactory};

/// Verbs that belong together; what is not named here stands at the end.
const GROUPS: [(&str, &[&str]); 7] = [
    (
        "Begin",
        &["init", "check", "test", "explain", "schema", "demo", "demo-server"],
    ),
    ("Outside systems", &["connection", "discover", "preview", "record"]),
    ("Run", &["plan", "apply", "run", "copy", "backfill", "resume"]),
    ("Look", &["status", "why", "runs", "logs"]),
    ("Ask", &["sql", "resolve", "chat", "quarantine"]),
    ("Keep", &["lake", "state", "asset"]),
    ("More", &[]),
];

/// The whole page.
pub fn page() -> String {
    let mut all = Args::command();
    all.build();
    let mut text = String::from(
        "# The command line\n\n\
         `segue VERB …` works on the project of the current folder, or of one above it. `segue VERB --help` shows the same as this page.\n\n\
         ## With every verb\n\n",
    );
    text.push_str(&arguments(all.get_arguments().filter(|a| a.is_global_set())));
    for (heading, verbs) in GROUPS {
        let of_group: Vec<&Command> = match verbs {
            [] => all.get_subcommands().filter(|c| is_left_over(c)).collect(),
            verbs => verbs.iter().filter_map(|v| all.find_subcommand(v)).collect(),
        };
        if !of_group.is_empty() {
            text.push_str(&format!("\n## {heading}\n"));
        }
        for command in of_group {
            verb(command, "segue", &mut text);
        }
    }
    text.push_str(&below(&all));
    text
}

fn is_left_over(command: &Command) -> bool {
    !command.is_hide_set() && !GROUPS.iter().any(|(_, verbs)| verbs.contains(&command.get_name()))
}

/// A verb with its arguments, or the verbs below it.
fn verb(command: &Command, above: &str, text: &mut String) {
    let name = format!("{above} {}", command.get_name());
    let mut below = command
        .get_subcommands()
        .filter(|c| !c.is_hide_set() && c.get_name() != "help")
        .peekable();
    if below.peek().is_some() {
        below.for_each(|c| verb(c, &name, text));
        return;
    }
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|a| !a.is_global_set() && !a.is_hide_set())
        // The program's own, and not one that names a version.
        .filter(|a| a.get_action().takes_values() || !["help", "version"].contains(&a.get_id().as_str()))
        .collect();
    let places: String = own
        .iter()
        .filter(|a| a.is_positional())
        .map(|a| format!(" {}", place(a)))
        .collect();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    text.push_str(&format!("\n### `{name}{places}`\n\n{}\n", sentence(&about)));
    if !own.is_empty() {
        text.push_str(&format!("\n{}", arguments(own.into_iter())));
    }
}

fn arguments<'a>(all: impl Iterator<Item = &'a Arg>) -> String {
    let rows: Vec<_> = all.map(|arg| [written(arg), meaning(arg)]).collect();
    table(["Argument", "Meaning"], &rows)
}

/// `DIR`, `[SELECTOR…]`.
fn place(arg: &Arg) -> String {
    let more = if arg.get_num_args().is_some_and(|n| n.max_values() > 1) {
        "…"
    } else {
        ""
    };
    match arg.is_required_set() {
        true => format!("{}{more}", value(arg)),
        false => format!("[{}{more}]", value(arg)),
    }
}

/// The word that stands for the argument's value.
fn value(arg: &Arg) -> String {
    arg.get_value_names()
        .and_then(|names| names.first())
        .map_or_else(|| arg.get_id().to_string(), ToString::to_string)
        .to_uppercase()
}

/// The argument as it is typed: `` `--limit N` ``.
fn written(arg: &Arg) -> String {
    if arg.is_positional() {
        return format!("`{}`", place(arg));
    }
    let takes = match arg.get_action().takes_values() {
        true => format!(" {}", value(arg)),
        false => String::new(),
    };
    let names = [
        arg.get_short().map(|c| format!("`-{c}{takes}`")),
        arg.get_long().map(|l| format!("`--{l}{takes}`")),
    ];
    names.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What it does, with the words that it may be and its default.
fn meaning(arg: &Arg) -> String {
    let mut text = sentence(&arg.get_help().map(ToString::to_string).unwrap_or_default());
    if !arg.get_action().takes_values() {
        return text;
    }
    let words: Vec<String> = arg
        .get_possible_values()
        .iter()
        .map(|v| {
            let help = v.get_help().map(ToString::to_string).unwrap_or_default();
            format!("`{}`: {}", v.get_name(), help.trim_end_matches('.'))
        })
        .collect();
    if !words.is_empty() {
        text.push_str(&format!(" {}.", words.join("; ")));
    }
    if let Some(default) = arg.get_default_values().first() {
        text.push_str(&format!(" Default: `{}`.", default.to_string_lossy()));
    }
    if let Some(variable) = arg.get_env() {
        text.push_str(&format!(" Also from `{}`.", variable.to_string_lossy()));
    }
    text
}

/// The lines `  CODE  meaning` and `  VARIABLE meaning` that stand below the program's own help.
fn below(all: &Command) -> String {
    let below = all.get_after_help().map(ToString::to_string).unwrap_or_default();
    let rows = |is: fn(&str) -> bool| -> Vec<[String; 2]> {
        let lines = below.lines().filter_map(|line| line.trim().split_once(' '));
        let lines = lines.filter(|(word, _)| is(word));
        lines
            .map(|(word, meaning)| [format!("`{word}`"), sentence(meaning)])
            .collect()
    };
    let (codes, variables) = (rows(|w| w.parse::<u8>().is_ok()), rows(|w| w.starts_with("SEGUE_")));
    format!(
        "\n## Exit codes\n\n{}\n## Variables\n\n{}",
        table(["Code", "Meaning"], &codes),
        table(["Variable", "Meaning"], &variables)
    )
}

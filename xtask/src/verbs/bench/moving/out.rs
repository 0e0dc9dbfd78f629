//! Into PostgreSQL: a table from another schema of the server, and one from a lake, beside the server's own programs doing the same.

use super::figures::{Attempt, Ran, table};
use super::shapes::{SHAPES, Tables};
use super::tools::Tools;
use crate::measure;
use crate::process::{self, Failure};
use std::path::Path;
use std::process::Command;

/// Both ways into the server, so often, beside each other.
pub fn run(tools: &Tools<'_>, scale: f64, runs: usize, idle_mib: f64) -> Result<(), Failure> {
    let shape = SHAPES.iter().find(|shape| shape.name == "lineitem");
    let shape = shape.ok_or_else(|| Failure::new("there is no lineitem"))?;
    let there = shape.make(tools, scale)?;
    let rows = there.rows(&tools.there(&there)?);
    let file = tools.folder.0.join("lineitem.binary");
    shell(
        tools,
        &format!("\"$1\" -X -q -c 'copy {FROM} to stdout (format binary)' > \"$2\""),
        &file,
    )?;
    let out = tools.folder.0.join("publish");
    lake(tools, &there, &out)?;
    let ways = [
        Way {
            title: "PostgreSQL → PostgreSQL, as they are",
            floor: "floor: `psql | psql`, binary COPY",
            ours: "`segue run`, nothing to check",
            command: direct("direct"),
            name: "direct",
        },
        Way {
            title: "PostgreSQL → PostgreSQL, value by value",
            floor: "floor: `psql | psql`, binary COPY",
            ours: "`segue run`, types and checks on",
            command: direct("checked"),
            name: "checked",
        },
        Way {
            title: "lake → PostgreSQL",
            floor: "floor: binary COPY FROM a file",
            ours: "`segue run`, from a Delta table",
            command: format!("{} < \"$2\"", into("published")),
            name: "published",
        },
    ];
    for way in ways {
        let mut attempts = [Attempt::of(way.floor), Attempt::of(way.ours)];
        for round in 0..runs {
            eprintln!("xtask: round {} of {runs}: {}", round + 1, way.title);
            tools.server.sql("checkpoint")?;
            attempts[0]
                .runs
                .push(measured(measure_shell(tools, &way.command, &file)?));
            same(tools, way.name)?;
            tools.server.sql(&format!("drop table {}; checkpoint", way.name))?;
            let asset = format!("serving.{}", way.name);
            let segue = || {
                let mut segue = Command::new(&tools.segue);
                segue.current_dir(&out);
                segue
            };
            process::run(&mut Command::new("sync"))?;
            attempts[1]
                .runs
                .push(measured(measure::run(segue().args(["run", &asset]))?));
            same(tools, way.name)?;
            // The next round begins without a table, too.
            process::run(segue().args(["asset", "drop", &asset, "--table-only", "--yes"]))?;
        }
        for attempt in &mut attempts {
            attempt.rows = rows;
        }
        println!(
            "\n{}",
            table(&format!("{}, scale {scale}", way.title), &attempts, idle_mib)
        );
    }
    shape.drop(tools.server)
}

/// What is checked of every row.
const CHECKS: &str =
    "checks:\n  - not_null: [l_orderkey, l_linenumber]\n  - between: { column: l_discount, min: 0, max: 1 }\n";

/// What is copied.
const FROM: &str = "lineitem.lineitem";

/// The shell's words for a copy from one table to a new one by the server's own programs.
fn direct(table: &str) -> String {
    format!(
        "\"$1\" -X -q -c 'copy {FROM} to stdout (format binary)' | {}",
        into(table)
    )
}

/// The shell's words for a copy into a new table by the server's own program.
fn into(table: &str) -> String {
    format!(
        "\"$1\" -X -q -1 -v ON_ERROR_STOP=1 -c 'create table {table} (like {FROM})' -c 'copy {table} from stdin (format binary, freeze)'"
    )
}

struct Way {
    title: &'static str,
    floor: &'static str,
    ours: &'static str,
    command: String,
    /// Of the table, and of the asset in `serving`.
    name: &'static str,
}

fn measured(taken: measure::Taken) -> Ran {
    Ran {
        taken,
        written_mib: 0.0,
    }
}

fn command(tools: &Tools<'_>, script: &str, file: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script, "sh"])
        .arg(tools.server.psql().get_program())
        .arg(file)
        .envs(tools.server.variables());
    shell
}

fn shell(tools: &Tools<'_>, script: &str, file: &Path) -> Result<(), Failure> {
    process::run(&mut command(tools, script, file))
}

fn measure_shell(tools: &Tools<'_>, script: &str, file: &Path) -> Result<measure::Taken, Failure> {
    process::run(&mut Command::new("sync"))?;
    measure::run(&mut command(tools, script, file))
}

/// A project with the table in its lake, and an asset for each way out.
fn lake(tools: &Tools<'_>, there: &Tables, out: &Path) -> Result<(), Failure> {
    super::super::make_empty(out)?;
    tools.project(there, out)?;
    let there = "from: shop, table: lineitem.lineitem";
    for (name, copy, checks) in [
        ("direct", there, ""),
        ("checked", there, CHECKS),
        ("published", "from: lake, table: raw.lineitem", ""),
    ] {
        let folder = out.join("assets/serving");
        let text = format!(
            "asset: serving.{name}\ncopy: {{ {copy} }}\ninto: {{ connection: shop, table: {name} }}\nwrite: {{ mode: replace }}\n{checks}"
        );
        let path = folder.join(format!("{name}.yaml"));
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|e| super::cannot("write", &path, &e))?;
    }
    process::run(
        Command::new(&tools.segue)
            .current_dir(out)
            .args(["run", "raw.lineitem"]),
    )
}

/// Fails unless each row is there as often as where it came from, value by value.
fn same(tools: &Tools<'_>, table: &str) -> Result<(), Failure> {
    let sum = |of: &str| format!("(select count(*) || ' ' || sum(hashtextextended(t::text, 0)) from {of} t)");
    let told = process::output(
        tools
            .server
            .psql()
            .args(["-c", &format!("select {} = {}", sum(FROM), sum(table))]),
    );
    match told.as_deref() {
        Some("t") => Ok(()),
        _ => Err(Failure::new("the target has other rows than the table that was copied")),
    }
}

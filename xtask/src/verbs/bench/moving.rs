//! Tables of PostgreSQL into a lake, beside what people use today and beside the server's own COPY to nowhere.
//!
//! Bars, as ratios in one run: no slower than one stream of that COPY, faster than every peer, half of ConnectorX's CPU, 256 MiB above what the
//! program holds when it copies nothing. Peers write plain Parquet, which is less than a synced commit of a Delta table.

mod figures;
mod out;
mod server;
mod shapes;
mod tools;

use super::{Folder, build_segue, cannot, heading};
use crate::process::Failure;
use crate::{repository, setup};
use figures::{Attempt, table};
use server::Server;
use shapes::{SHAPES, Shape};
use tools::{Tool, Tools};

/// What is asked for.
#[derive(Debug, PartialEq)]
struct Asked {
    shapes: Vec<&'static str>,
    /// The ways into the server instead of out of it.
    out: bool,
    scale: f64,
    runs: usize,
}

pub fn run(args: &[String]) -> Result<(), Failure> {
    let asked = asked(args)?;
    setup::need(&[&setup::POSTGRESQL])?;
    let segue = build_segue()?;
    let list = repository::root().join("xtask/peers/packages.txt");
    let wanted = std::fs::read_to_string(&list).map_err(|e| cannot("read", &list, &e))?;
    let python = setup::packages(&repository::target_dir().join("peers"), &wanted)?;
    let folder = Folder::new("move")?;
    let server = Server::start(&folder.0)?;
    let words = args
        .iter()
        .fold("move".to_string(), |all, word| format!("{all} {word}"));
    println!("{}", heading(&words));
    println!(
        "{}. Medians of {} interleaved runs, each compared by value with what the server says; the server's own CPU is not counted.",
        server.version()?,
        asked.runs
    );
    let tools = Tools {
        segue,
        python,
        folder: &folder,
        server: &server,
    };
    let idle = tools.idle()?;
    if asked.out {
        return out::run(&tools, asked.scale, asked.runs, idle.peak_mib);
    }
    for shape in SHAPES.iter().filter(|shape| asked.shapes.contains(&shape.name)) {
        let attempts = measure(&tools, shape, &asked)?;
        println!("\n{}", table(&shape.told(asked.scale), &attempts, idle.peak_mib));
        shape.drop(&server)?;
    }
    println!("\n`segue run` over a table of one row: {:.0} MiB.", idle.peak_mib);
    Ok(())
}

/// Every tool once, and again, so often.
fn measure(tools: &Tools<'_>, shape: &Shape, asked: &Asked) -> Result<Vec<Attempt>, Failure> {
    eprintln!("xtask: making {}", shape.told(asked.scale));
    let tables = shape.make(tools, asked.scale)?;
    let expected = tools.there(&tables)?;
    let mut attempts: Vec<Attempt> = Tool::ALL.iter().map(|tool| Attempt::of(tool.name())).collect();
    for round in 0..asked.runs {
        for (tool, attempt) in Tool::ALL.iter().zip(&mut attempts) {
            if attempt.failed.is_some() {
                continue;
            }
            eprintln!("xtask: round {} of {}: {}", round + 1, asked.runs, tool.name());
            match tools.run(*tool, &tables, &expected) {
                Ok(ran) => attempt.runs.push(ran),
                // A peer that cannot is a line of the table; that we cannot is a failure.
                Err(failure) if tool.is_peer() => attempt.failed = Some(failure.to_string()),
                Err(failure) => return Err(failure),
            }
        }
    }
    for attempt in &mut attempts {
        attempt.rows = tables.rows(&expected);
    }
    Ok(attempts)
}

/// Names of shapes, then the scale, then how many runs.
fn asked(args: &[String]) -> Result<Asked, Failure> {
    let all: Vec<&'static str> = SHAPES.iter().map(|shape| shape.name).collect();
    let usage = || {
        Failure::usage(format!(
            "usage: cargo xtask bench move [{}]… [SCALE [RUNS]], or `move out`; a scale of 1 is 6,001,215 rows of lineitem",
            all.join("|")
        ))
    };
    let (mut shapes, mut numbers) = (Vec::new(), Vec::new());
    let out = args.first().is_some_and(|word| word == "out");
    for word in args.iter().skip(usize::from(out)) {
        match all.iter().find(|name| *name == word) {
            Some(name) if numbers.is_empty() && !out => shapes.push(*name),
            _ => numbers.push(word.parse::<f64>().ok().filter(|n| *n > 0.0).ok_or_else(usage)?),
        }
    }
    let (scale, runs) = match numbers[..] {
        [] => (1.0, 3.0),
        [scale] => (scale, 3.0),
        [scale, runs] if runs.fract() == 0.0 => (scale, runs),
        _ => return Err(usage()),
    };
    Ok(Asked {
        out,
        shapes: if shapes.is_empty() { all.clone() } else { shapes },
        scale,
        runs: runs as usize,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> String {
        let args: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        match asked(&args) {
            Ok(Asked {
                out: true, scale, runs, ..
            }) => format!("out at {scale}, {runs} times"),
            Ok(Asked {
                shapes, scale, runs, ..
            }) => format!("{} at {scale}, {runs} times", shapes.join(" ")),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn shapes_a_scale_and_runs_are_asked_for_in_this_order() {
        let lines = [
            "",
            "0.1",
            "lineitem 10 1",
            "wide many",
            "1 0.5",
            "1 0",
            "narrow",
            "1 lineitem",
            "out 0.1 5",
            "out wide",
        ];
        insta::assert_snapshot!(lines.map(read).join("\n"), @r"
        lineitem wide texts many at 1, 3 times
        lineitem wide texts many at 0.1, 3 times
        lineitem at 10, 1 times
        wide many at 1, 3 times
        xtask: usage: cargo xtask bench move [lineitem|wide|texts|many]… [SCALE [RUNS]], or `move out`; a scale of 1 is 6,001,215 rows of lineitem
        xtask: usage: cargo xtask bench move [lineitem|wide|texts|many]… [SCALE [RUNS]], or `move out`; a scale of 1 is 6,001,215 rows of lineitem
        xtask: usage: cargo xtask bench move [lineitem|wide|texts|many]… [SCALE [RUNS]], or `move out`; a scale of 1 is 6,001,215 rows of lineitem
        xtask: usage: cargo xtask bench move [lineitem|wide|texts|many]… [SCALE [RUNS]], or `move out`; a scale of 1 is 6,001,215 rows of lineitem
        out at 0.1, 5 times
        xtask: usage: cargo xtask bench move [lineitem|wide|texts|many]… [SCALE [RUNS]], or `move out`; a scale of 1 is 6,001,215 rows of lineitem
        ");
    }
}

//! `segue check` on 1,000 assets, 800 YAML and 200 SQL. Bars: 1 CPU second the first time, 100 ms with two files just edited.

use super::{Folder, build, heading, line, runs};
use crate::measure::{self, median};
use crate::process::Failure;
use std::path::Path;
use std::process::Command;

const YAML: usize = 800;
const SQL: usize = 200;

pub fn run(args: &[String]) -> Result<(), Failure> {
    let runs = runs(args, 5)?;
    let built = build()?;
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for nth in 0..runs {
        let folder = Folder::new("check")?;
        write_project(&folder)?;
        cold.push(measure::run(&mut check(&built.segue, &folder.0))?);
        folder.write("assets/raw/t1.yaml", &yaml(1, &format!("Edited {nth}.")))?;
        folder.write("assets/model/m1.sql", &sql(1, &format!("Edited {nth}.")))?;
        warm.push(measure::run(&mut check(&built.segue, &folder.0))?);
    }
    println!(
        "{}\nMedians of {runs} runs. CPU is counted in hundredths of a second.\n",
        heading("check")
    );
    println!("| | wall s | CPU s | peak MiB | bar |\n|---|--:|--:|--:|---|");
    println!(
        "{}",
        line("`segue check`, the first time", median(&cold), "1 CPU second")
    );
    println!("{}", line("again, two files edited", median(&warm), "100 ms"));
    Ok(())
}

fn check(segue: &Path, folder: &Path) -> Command {
    let mut command = Command::new(segue);
    command.current_dir(folder).arg("check");
    command
}

fn write_project(folder: &Folder) -> Result<(), Failure> {
    folder.write("segue.yaml", "format: 1\nproject: bench\n")?;
    folder.write(
        "connections/api.yaml",
        "connection: api\nkind: rest\nbase_url: http://127.0.0.1:1\n",
    )?;
    for n in 0..YAML {
        folder.write(&format!("assets/raw/t{n}.yaml"), &yaml(n, "A table."))?;
    }
    for n in 0..SQL {
        folder.write(&format!("assets/model/m{n}.sql"), &sql(n, "A model."))?;
    }
    Ok(())
}

fn yaml(n: usize, description: &str) -> String {
    format!(
        "asset: raw.t{n}\ndescription: {description}\nowner: data\nfresh: 1d\ncopy:\n  from: api\n  request: {{ get: /t{n}, query: {{ market: US }} }}\n  \
         paginate: {{ next_link: $.next }}\n  records: $.items[*]\n  columns:\n    id: {{ type: string, required: true }}\n    \
         name: {{ type: string }}\n    amount: {{ type: \"decimal(18,2)\" }}\n    created_at: {{ type: timestamp }}\n\
         write: {{ mode: replace, key: [id] }}\nchecks: [ {{ unique: [id] }}, {{ between: {{ column: amount, min: 0 }} }} ]\n"
    )
}

/// A model reads two tables and the model before it, so that the graph is deep.
fn sql(n: usize, description: &str) -> String {
    let (a, b) = (n * 4, n * 4 + 1);
    let before = match n % 20 {
        0 => String::new(),
        _ => format!("\n  left join model.m{} m on m.id = a.id", n - 1),
    };
    format!(
        "/* asset: model.m{n}\n   description: {description}\n   owner: data\n   checks: [ {{ not_null: id }} ] */\n\
         with b as (select id, sum(amount) as total from raw.t{b} group by id)\n\
         select a.id, max(a.name) as name, sum(b.total) as total\nfrom raw.t{a} a join b on b.id = a.id{before}\n\
         where a.created_at >= timestamp '2024-01-01 00:00:00'\ngroup by a.id\n"
    )
}

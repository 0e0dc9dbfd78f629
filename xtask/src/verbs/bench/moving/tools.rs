//! The tools, each run as a person would, and what they wrote compared with what the server says.

use super::super::{Folder, cannot};
use super::figures::Ran;
use super::server::Server;
use super::shapes::Tables;
use crate::measure::{self, Taken};
use crate::process::{self, Failure};
use crate::repository;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who moves tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `psql`, one stream of binary COPY, to nowhere.
    Floor,
    Segue,
    Adbc,
    ConnectorX,
    Dlt,
}

impl Tool {
    pub const ALL: &[Tool] = &[Tool::Floor, Tool::Segue, Tool::Adbc, Tool::ConnectorX, Tool::Dlt];

    /// As the table of figures says it.
    pub fn name(self) -> &'static str {
        match self {
            Tool::Floor => "floor: `psql`, binary COPY to nowhere",
            Tool::Segue => "`segue run` → Delta lake",
            Tool::Adbc => "ADBC, pyarrow → Parquet",
            Tool::ConnectorX => "ConnectorX, pyarrow → Parquet",
            Tool::Dlt => "dlt with pyarrow → Parquet",
        }
    }

    /// Whether it is somebody else's, which may fail.
    pub fn is_peer(self) -> bool {
        matches!(self, Tool::Adbc | Tool::ConnectorX | Tool::Dlt)
    }
}

/// What the tools are run with.
pub struct Tools<'a> {
    pub segue: PathBuf,
    pub python: PathBuf,
    pub folder: &'a Folder,
    pub server: &'a Server,
}

impl Tools<'_> {
    /// What the server says that is in the tables.
    pub fn there(&self, tables: &Tables) -> Result<String, Failure> {
        self.said("there", Path::new("-"), tables)
    }

    /// What our program takes for a table of one row: what it holds when it copies next to nothing.
    pub fn idle(&self) -> Result<Taken, Failure> {
        self.server
            .sql("create schema one; create table one.one as select 1 as id")?;
        let one = Tables {
            schema: "one",
            names: vec!["one".into()],
        };
        let out = self.out()?;
        self.project(&one, &out)?;
        measure::run(Command::new(&self.segue).current_dir(&out).arg("run"))
    }

    /// Runs a tool and compares what it wrote.
    ///
    /// # Errors
    /// When it fails, and when a value is not the server's.
    pub fn run(&self, tool: Tool, tables: &Tables, expected: &str) -> Result<Ran, Failure> {
        let out = self.out()?;
        let mut command = match tool {
            Tool::Floor => self.floor(tables)?,
            Tool::Segue => {
                self.project(tables, &out)?;
                let mut segue = Command::new(&self.segue);
                segue.current_dir(&out).arg("run");
                segue
            }
            Tool::Adbc => self.script("adbc", &out, tables)?,
            Tool::ConnectorX => self.script("connectorx", &out, tables)?,
            Tool::Dlt => self.script("dlt", &out, tables)?,
        };
        // What the one before has left in memory is on the disk before the next begins.
        process::run(&mut Command::new("sync"))?;
        let taken = measure::run(&mut command)?;
        let (found, written_mib) = match tool {
            Tool::Floor => (expected.to_string(), 0.0),
            Tool::Segue => (self.said("delta", &out.join("lake"), tables)?, written(&out)),
            _ => (self.said("parquet", &out, tables)?, written(&out)),
        };
        if found != expected {
            return Err(Failure::new(format!(
                "{} read other values than there are: {found} instead of {expected}",
                tool.name()
            )));
        }
        Ok(Ran { taken, written_mib })
    }

    /// An empty folder for what is written.
    fn out(&self) -> Result<PathBuf, Failure> {
        let out = self.folder.0.join("out");
        super::super::make_empty(&out)?;
        Ok(out)
    }

    fn floor(&self, tables: &Tables) -> Result<Command, Failure> {
        let copies = tables
            .names
            .iter()
            .map(|table| format!("copy {}.{table} to stdout (format binary);\n", tables.schema));
        self.folder.write("floor.sql", &copies.collect::<String>())?;
        let mut psql = self.server.psql();
        psql.args(["-o", "/dev/null", "-f"])
            .arg(self.folder.0.join("floor.sql"));
        Ok(psql)
    }

    /// A project that copies each table.
    pub fn project(&self, tables: &Tables, out: &Path) -> Result<(), Failure> {
        let write = |path: String, text: &str| {
            let path = out.join(path);
            let folder = path.parent().unwrap_or(out);
            std::fs::create_dir_all(folder)
                .and_then(|()| std::fs::write(&path, text))
                .map_err(|e| cannot("write", &path, &e))
        };
        write("segue.yaml".into(), "format: 1\nproject: bench\n")?;
        write("connections/shop.yaml".into(), &self.server.connection())?;
        for table in &tables.names {
            let asset = format!(
                "asset: raw.{table}\ncopy: {{ from: shop, table: {}.{table} }}\nwrite: {{ mode: replace }}\n",
                tables.schema
            );
            write(format!("assets/raw/{table}.yaml"), &asset)?;
        }
        Ok(())
    }

    fn said(&self, what: &str, folder: &Path, tables: &Tables) -> Result<String, Failure> {
        let mut script = self.script(what, folder, tables)?;
        process::output(&mut script).ok_or_else(|| Failure::new(format!("`{}` fails", process::show(&script))))
    }

    fn script(&self, what: &str, folder: &Path, tables: &Tables) -> Result<Command, Failure> {
        self.folder.write("tables.txt", &tables.names.join("\n"))?;
        let mut python = Command::new(&self.python);
        python
            .arg(repository::root().join("xtask/peers/move.py"))
            .arg(what)
            .arg(folder)
            .arg(tables.schema)
            .arg(self.folder.0.join("tables.txt"))
            .envs(self.server.variables());
        Ok(python)
    }
}

/// How much Parquet lies below a folder.
fn written(folder: &Path) -> f64 {
    let (mut bytes, mut folders) = (0, vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                // What dlt keeps of its own work is not what it hands over.
                Ok(of) if of.is_dir() && entry.file_name() != "_state" => folders.push(entry.path()),
                Ok(of) if entry.path().extension().is_some_and(|e| e == "parquet") => bytes += of.len(),
                _ => {}
            }
        }
    }
    bytes as f64 / f64::from(1 << 20)
}

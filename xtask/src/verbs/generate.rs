//! `cargo xtask gen`: write every file that is generated. A test fails when one of them is not what this would write.
//!
//! What follows from files is written here. What follows from the program (types, settings, the command line) the program writes itself; the
//! product's tests compare those (`crates/segue/tests/it/docs.rs`), because they have the program at hand.

use crate::process::{self, Failure};
use crate::{generate, repository};

pub fn run(args: &[String]) -> Result<(), Failure> {
    if !args.is_empty() {
        return Err(Failure::usage("usage: cargo xtask gen"));
    }
    for file in generate::all(&repository::root())? {
        let path = repository::root().join(file.path);
        if std::fs::read_to_string(&path).is_ok_and(|text| text == file.text) {
            continue;
        }
        let folder = path.parent().expect("a generated file lives in a folder");
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, &file.text))
            .map_err(|e| Failure::new(format!("cannot write {}: {e}", file.path)))?;
        println!("wrote {}", file.path);
    }
    let mut program = process::cargo();
    program.current_dir(repository::root()).args([
        "run",
        "--quiet",
        "--bin",
        "segue",
        "--",
        "reference",
        "docs/reference",
    ]);
    process::run(&mut program)
}

//! Tables that are given up: with all that is theirs, also where nobody remembers them.

use super::aside::killed;
use super::{furnished, house, refused, rows};
use crate::support::Project;
use std::path::Path;

/// The files below a folder of the project.
fn files(project: &Project, folder: &str) -> Vec<String> {
    fn below(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => below(&path, found),
                false => found.push(path.display().to_string()),
            }
        }
    }
    let mut found = Vec::new();
    below(&project.file(folder), &mut found);
    found
}

fn without(project: &Project, file: &str) {
    std::fs::remove_file(project.file(file)).expect("it is there");
}

#[test]
fn nothing_is_left_of_a_table_that_is_dropped() {
    let project = furnished();
    for folder in ["lake/raw/sales/_segue/commits", "lake/quarantine/raw.sales"] {
        assert!(!files(&project, folder).is_empty(), "{folder}");
    }
    let kept = project.segue(&["asset", "drop", "raw.sales", "--yes"]).ended(5);
    assert!(kept.err.contains("--table-only"), "{}", kept.text());
    project.ok(&["asset", "drop", "raw.sales", "--table-only", "--yes"]);
    for folder in ["lake/raw/sales", "lake/quarantine/raw.sales"] {
        assert_eq!(files(&project, folder), [""; 0]);
    }
    project.ok(&["run", "raw.sales"]);
    assert_eq!(rows(&project, "select count(*) from raw.sales"), "3");
}

#[test]
fn a_table_of_a_lost_state_is_dropped_by_its_name() {
    let project = furnished();
    std::fs::remove_dir_all(project.file(".segue")).expect("the state is there");
    let refused = project.segue(&["run", "raw.sales"]).ended(5);
    assert!(
        refused.text().contains("segue asset drop raw.sales --table-only"),
        "{}",
        refused.text()
    );
    project.ok(&["asset", "drop", "raw.sales", "--table-only", "--yes"]);
    without(&project, "assets/raw/visits.yaml");
    project.segue(&["asset", "drop", "raw.visits"]).ended(2);
    project.ok(&["asset", "drop", "raw.visits", "--yes"]);
    project.ok(&["asset", "drop", "shop.cities", "--table-only", "--yes"]);
    project.segue(&["asset", "drop", "raw.visits", "--yes"]).ended(4);
    for folder in ["lake/raw", "lake/quarantine"] {
        assert_eq!(files(&project, folder), [""; 0]);
    }
    // The others are found; of these nothing is.
    let rebuilt = super::value(&project, &["state", "rebuild"]);
    assert_eq!(rebuilt["assets"].as_array().map(Vec::len), Some(3), "{rebuilt}");
    project.ok(&["run", "raw.sales", "sales.cities", "shop.cities"]);
    assert_eq!(rows(&project, "select count(*) from shop.cities"), "2");
}

#[test]
fn what_was_prepared_or_lies_ready_goes_with_its_table() {
    let project = house();
    for (asset, fault, folder) in [
        ("raw.sales", "commit.own:1:kill", "lake"),
        ("raw.sales", "commit.prepared:1:kill", "lake"),
        ("shop.cities", "commit.prepared:1:kill", ".segue/staged"),
    ] {
        if asset == "shop.cities" {
            project.ok(&["run", "+sales.cities"]);
        }
        killed(&project, &["run", asset], fault);
        assert!(!files(&project, folder).is_empty(), "{fault}");
        project.ok(&["asset", "drop", asset, "--table-only", "--yes"]);
        if asset == "raw.sales" {
            assert_eq!(files(&project, folder), [""; 0], "{fault}");
        }
    }
    assert_eq!(files(&project, ".segue/staged"), [""; 0]);
    project.edit(
        "assets/raw/visits.yaml",
        "write:",
        "checks: [ { row_count: { min: 1 } } ]\nwrite:",
    );
    killed(&project, &["run", "raw.visits"], "staged.noted:1:kill");
    project.ok(&["asset", "drop", "raw.visits", "--table-only", "--yes"]);
    assert_eq!(files(&project, ".segue/shelf"), [""; 0]);
    project.ok(&["run"]);
    assert_eq!(rows(&project, "select count(*) from raw.visits"), "2");
    assert_eq!(rows(&project, "select count(*) from shop.cities"), "2");
}

#[test]
fn a_table_is_given_up_for_another_place() {
    let project = furnished();
    project.edit("assets/shop/cities.yaml", "table: cities", "table: towns");
    let moved = project.segue(&["run", "shop.cities"]);
    assert!(
        moved.text().contains("segue asset drop shop.cities --table-only"),
        "{}",
        moved.text()
    );
    project.ok(&["asset", "drop", "shop.cities", "--table-only", "--yes"]);
    project.ok(&["run", "shop.cities"]);
    assert_eq!(rows(&project, "select count(*) from shop.cities"), "2");
    assert_eq!(refused(&project, &["asset", "drop", "shop.cities", "--yes"]), "");
}

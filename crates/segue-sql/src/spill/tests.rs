use super::*;

fn names(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_is_made_once_and_goes_with_its_engine() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().join("deep/spill");
    let spill = Spill::below(root.clone());
    assert!(!root.exists());
    let folder = spill.folder().unwrap().to_path_buf();
    fs::write(folder.join("rows"), "x").unwrap();
    assert_eq!(spill.folder().unwrap(), folder);
    drop(spill);
    assert_eq!(names(&root), [""; 0]);
}

#[test]
fn what_a_killed_process_left_is_cleared_away_and_what_a_living_one_has_is_not() {
    let root = tempfile::tempdir().unwrap();
    let living = Spill::below(root.path().to_path_buf());
    let theirs = living.folder().unwrap().to_path_buf();
    fs::write(theirs.join("rows"), "x").unwrap();
    let dead = root.path().join("segue-1-0");
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join("rows"), "x").unwrap();
    fs::write(lock_of(&dead), "").unwrap();
    fs::write(root.path().join("notes.lock"), "somebody else's").unwrap();
    let next = Spill::below(root.path().to_path_buf());
    let own = next.folder().unwrap();
    assert!(theirs.join("rows").exists() && own.exists() && own != theirs);
    assert!(!dead.exists() && !lock_of(&dead).exists());
    assert!(root.path().join("notes.lock").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = Spill::below(file.join("spill")).folder().unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().starts_with("cannot make "), "{error}");
}

use super::*;
use std::sync::Mutex;

/// Which folders were synced, below the one that a test works in.
#[derive(Debug, Default)]
struct Synced(Mutex<Vec<PathBuf>>);

impl Durability for Synced {
    fn file(&self, _: &File, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn folder(&self, path: &Path) -> io::Result<()> {
        assert!(path.is_dir(), "{} is synced when it is there", path.display());
        self.0.lock().unwrap().push(path.to_path_buf());
        Ok(())
    }
}

/// The folders that making `path` synced, as they are called below `top`.
fn synced(top: &Path, path: &str) -> Vec<String> {
    let disk = Synced::default();
    make_folders(&top.join(path), &disk).unwrap();
    assert!(top.join(path).is_dir());
    let below = |p: &PathBuf| p.strip_prefix(top).map_or("above".into(), |p| p.display().to_string());
    disk.0.into_inner().unwrap().iter().map(below).collect()
}

#[test]
fn the_name_of_every_new_folder_is_durable() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(synced(folder.path(), "data/lake"), ["above", "", "data"]);
    // What is there was made so; only the last of them may have been left by a kill.
    assert_eq!(synced(folder.path(), "data/lake"), ["data"]);
    assert_eq!(
        synced(folder.path(), "data/lake/a/b"),
        ["data", "data/lake", "data/lake/a"]
    );
}

#[test]
fn a_folder_that_a_killed_process_left_is_made_durable() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    assert_eq!(synced(folder.path(), "data/lake"), ["", "data"]);
}

#[test]
fn a_file_in_the_way_is_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "mine").unwrap();
    for path in ["data", "data/lake"] {
        assert!(
            make_folders(&folder.path().join(path), &Synced::default()).is_err(),
            "{path}"
        );
    }
}

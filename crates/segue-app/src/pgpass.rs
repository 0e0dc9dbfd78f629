//! A password of PostgreSQL that the address does not hold: from `PGPASSWORD`, or from the file that its own programs keep.

use segue_core::{Error, Kind, Result, Secret};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The password for these settings, if one is kept.
///
/// # Errors
/// `Unavailable` when the file is there and cannot be read.
pub(crate) fn password(settings: &Value, variables: &BTreeMap<String, String>) -> Result<Option<Secret>> {
    let given = |name: &str| variables.get(name).filter(|v| !v.is_empty());
    if let Some(password) = given("PGPASSWORD") {
        return Ok(Some(Secret::new(password.clone())));
    }
    let home = || given("HOME").map(|home| Path::new(home).join(".pgpass"));
    let Some(path) = given("PGPASSFILE").map(PathBuf::from).or_else(home) else {
        return Ok(None);
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => {
            let error = Error::new(Kind::Unavailable, "cannot read the file of passwords");
            return Err(error.with("file", path.display()).caused_by(e));
        }
    };
    if others_may_read(&path) {
        tracing::warn!(file = %path.display(), "the file of passwords is left out: others may read it (chmod 600)");
        return Ok(None);
    }
    Ok(find(&text, settings).map(Secret::new))
}

#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_: &Path) -> bool {
    false
}

/// The password of the first line that fits: `host:port:database:user:password`.
fn find(text: &str, settings: &Value) -> Option<String> {
    let wanted = |key: &str| match &settings[key] {
        Value::String(text) if key == "host" && text.starts_with('/') => "localhost".to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let wanted = ["host", "port", "database", "user"].map(wanted);
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let fits = fields.len() == 5 && wanted.iter().zip(&fields).all(|(w, f)| f == "*" || f == w);
        fits.then(|| fields[4].clone())
    })
}

/// The fields between colons; `\:` and `\\` are letters.
fn fields(line: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ':' if all.len() < 5 => all.push(String::new()),
            '\\' => all.last_mut().into_iter().for_each(|f| f.extend(letters.next())),
            letter => all.last_mut().into_iter().for_each(|f| f.push(letter)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let text = "# mine\nother:*:*:*:no\nlocalhost:5432:sh\\:op:ada:a\\:b\\\\c\n*:*:*:bo:any:thing\n*:*:*:*:\n";
        let of = |host: &str, user: &str, database: &str| {
            find(
                text,
                &json!({ "host": host, "port": 5432, "user": user, "database": database }),
            )
        };
        assert_eq!(of("/run/postgresql", "ada", "sh:op").as_deref(), Some("a:b\\c"));
        assert_eq!(of("db", "bo", "x").as_deref(), Some("any:thing"));
        assert_eq!(of("db", "ada", "x").as_deref(), Some(""));
        assert_eq!(
            find(
                "db:1:x:ada:no",
                &json!({ "host": "db", "port": 2, "user": "ada", "database": "x" })
            ),
            None
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_left_out() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pass");
        std::fs::write(&path, "*:*:*:*:hunter2").expect("it is written");
        let settings = json!({ "host": "db", "port": 1, "user": "ada", "database": "x" });
        let variables = BTreeMap::from([("PGPASSFILE".to_string(), path.to_string_lossy().into_owned())]);
        for (mode, found) in [(0o644, None), (0o600, Some("hunter2"))] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
            let password = password(&settings, &variables).expect("it can be read");
            assert_eq!(password.as_ref().map(Secret::reveal), found);
        }
        let variables = BTreeMap::from([("PGPASSWORD".to_string(), "first".to_string())]);
        let password = password(&settings, &variables).expect("it is given");
        assert_eq!(password.as_ref().map(Secret::reveal), Some("first"));
    }
}

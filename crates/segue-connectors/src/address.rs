//! Connections as one word: `postgres://ada@db.example.com/shop`, `sqlite:shop.db`.

use segue_core::{Error, Kind, Result, Secret};
use segue_diag::BAD_ADDRESS;
use serde_json::{Map, Value, json};
use std::path::Path;
use url::Url;

/// What is understood, for people.
pub const ADDRESSES: &str = "`postgres://USER@HOST/DATABASE`, `sqlite:FILE`, or the folder of a lake (`./lake`)";

/// A connection that was written as one word.
#[derive(Clone, Debug)]
pub struct Address {
    /// The connector.
    pub kind: &'static str,
    /// The connection's settings, without its password.
    pub settings: Value,
    /// The password, where the address holds one.
    pub password: Option<Secret>,
    /// The address as it may be shown.
    pub shown: String,
}

/// The connection that an address means; `None` where it is no address but a path. What PostgreSQL's address leaves out is looked up as its
/// own programs do (`PGHOST`, `PGUSER`, …); the password is not.
///
/// # Errors
/// `Invalid` for an address that cannot be read. It is not repeated: it may hold a password.
pub fn address(text: &str, folder: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Address>> {
    match text.split_once(':') {
        Some(("postgres" | "postgresql", _)) => postgres(text, variable).map(Some),
        Some(("sqlite", rest)) => sqlite(rest, folder).map(Some),
        Some(("file", _)) => Ok(None),
        // A letter and a colon is a drive.
        Some((scheme, _))
            if scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) =>
        {
            let error = Error::new(
                Kind::Unsupported,
                format!("`{scheme}:…` is no address that this version knows"),
            );
            Err(error.code(BAD_ADDRESS).hint(format!("write {ADDRESSES}")))
        }
        _ => Ok(None),
    }
}

fn sqlite(rest: &str, folder: &Path) -> Result<Address> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err(Error::new(Kind::Invalid, "the address names no file")
            .code(BAD_ADDRESS)
            .hint("write `sqlite:FILE`, such as `sqlite:shop.db`"));
    }
    let whole = folder.join(path);
    Ok(Address {
        kind: "sqlite",
        settings: json!({ "path": whole.to_string_lossy() }),
        password: None,
        shown: format!("sqlite:{path}"),
    })
}

fn postgres(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Address> {
    let bad = |why: String| {
        Error::new(Kind::Invalid, format!("the address of PostgreSQL cannot be read: {why}"))
            .code(BAD_ADDRESS)
            .hint("write `postgres://USER@HOST:PORT/DATABASE`; in a user's name or a password, `@`, `:` and `/` are written `%40`, `%3A` and `%2F`")
    };
    let url = Url::parse(text).map_err(|e| bad(e.to_string()))?;
    let mut given = Map::new();
    let mut password = url
        .password()
        .map(|p| decoded(p).map(Secret::new))
        .transpose()
        .map_err(&bad)?;
    let mut set = |key: &str, value: String| drop(given.insert(key.into(), Value::String(value)));
    if !url.username().is_empty() {
        set("user", decoded(url.username()).map_err(&bad)?);
    }
    if let Some(host) = url.host_str().filter(|h| !h.is_empty()) {
        set(
            "host",
            decoded(host).map_err(&bad)?.trim_matches(['[', ']']).to_string(),
        );
    }
    let database = decoded(url.path().trim_start_matches('/')).map_err(&bad)?;
    if !database.is_empty() {
        set("database", database);
    }
    let mut port = url.port();
    for (key, value) in url.query_pairs() {
        match (key.as_ref(), value.as_ref()) {
            ("host" | "user", _) => set(&key, value.into_owned()),
            ("dbname", _) => set("database", value.into_owned()),
            ("port", _) => port = Some(value.parse().map_err(|_| bad("`port` is no port".into()))?),
            ("password", _) => password = Some(Secret::new(value.into_owned())),
            ("sslmode", "disable") => set("tls", "off".into()),
            ("sslmode", "require" | "verify-ca" | "verify-full") => set("tls", "verify".into()),
            // Whether the server is asked for TLS then goes by where it is.
            ("sslmode", "allow" | "prefer") => {}
            ("sslmode", other) => return Err(bad(format!("there is no `sslmode={other}`"))),
            ("sslrootcert", _) => set("tls_ca", value.into_owned()),
            ("application_name" | "connect_timeout", _) => {}
            (other, _) => return Err(bad(format!("the parameter `{other}` is not known"))),
        }
    }
    let said = |key: &str, name: &str| -> Option<String> {
        let written = given.get(key).and_then(Value::as_str).map(str::to_string);
        written.or_else(|| variable(name).filter(|v| !v.is_empty()))
    };
    let host = said("host", "PGHOST").unwrap_or_else(|| "localhost".into());
    let user = said("user", "PGUSER")
        .or_else(|| variable("USER"))
        .or_else(|| variable("LOGNAME"));
    let user = user.ok_or_else(|| bad("it names no user".into()))?;
    let database = said("database", "PGDATABASE").unwrap_or_else(|| user.clone());
    let port = match port {
        Some(port) => port,
        None => match variable("PGPORT").filter(|p| !p.is_empty()) {
            Some(text) => text.parse().map_err(|_| bad("PGPORT is no port".into()))?,
            None => 5432,
        },
    };
    let shown = match host.contains(':') {
        true => format!("postgres://{user}@[{host}]:{port}/{database}"),
        false => format!("postgres://{user}@{host}:{port}/{database}"),
    };
    given.extend([
        ("host".to_string(), json!(host)),
        ("user".to_string(), json!(user)),
        ("database".to_string(), json!(database)),
        ("port".to_string(), json!(port)),
    ]);
    Ok(Address {
        kind: "postgres",
        settings: Value::Object(given),
        password,
        shown,
    })
}

/// A part of an address with its `%40` as they are meant.
fn decoded(part: &str) -> std::result::Result<String, String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(part.len()), part.as_bytes());
    while let [first, after @ ..] = rest {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| "a part of it is no text".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, variables: &[(&str, &str)]) -> String {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string());
        match address(text, Path::new("/at/work"), &variable) {
            Ok(None) => "a path".into(),
            Ok(Some(address)) => {
                let password = address
                    .password
                    .map_or(String::new(), |p| format!(" with {}", p.reveal()));
                format!("{} {} {}{password}", address.shown, address.kind, address.settings)
            }
            Err(error) => error.to_text(),
        }
    }

    #[test]
    fn addresses_are_read_as_the_systems_own_programs_do() {
        let all = [
            told("postgres://ada@db.example.com/shop", &[]),
            told("postgresql://ada:p%40ss%2F@[::1]:6543/my%20shop?sslmode=disable", &[]),
            told("postgres:///shop?host=/run/postgresql&user=bo", &[]),
            told(
                "postgres://",
                &[("PGHOST", "db"), ("PGPORT", "1"), ("PGUSER", "x"), ("PGDATABASE", "y")],
            ),
            told("postgres://localhost", &[("USER", "ada")]),
            told(
                "postgres://h/d?sslmode=verify-full&sslrootcert=ca.pem",
                &[("USER", "ada")],
            ),
            told("postgres://h/d", &[]),
            told("postgres://ada:hunter2@h:port/d", &[]),
            told("postgres://h/d?sslmode=never", &[("USER", "ada")]),
            told("postgres://h/d?target_session_attrs=any", &[("USER", "ada")]),
            told("sqlite:shop.db", &[]),
            told("sqlite:///tmp/shop.db", &[]),
            told("sqlite:", &[]),
            told("mysql://h/d", &[]),
            told("s3://bucket/lake", &[]),
            told("./lake", &[]),
            told("file:///lake", &[]),
            told("c:\\lake", &[]),
        ];
        insta::assert_snapshot!(all.join("\n"), @r##"
        postgres://ada@db.example.com:5432/shop postgres {"user":"ada","host":"db.example.com","database":"shop","port":5432}
        postgres://ada@[::1]:6543/my shop postgres {"user":"ada","host":"::1","database":"my shop","tls":"off","port":6543} with p@ss/
        postgres://bo@/run/postgresql:5432/shop postgres {"database":"shop","host":"/run/postgresql","user":"bo","port":5432}
        postgres://x@db:1/y postgres {"host":"db","user":"x","database":"y","port":1}
        postgres://ada@localhost:5432/ada postgres {"host":"localhost","user":"ada","database":"ada","port":5432}
        postgres://ada@h:5432/d postgres {"host":"h","database":"d","tls":"verify","tls_ca":"ca.pem","user":"ada","port":5432}
        error[SG0707]: the address of PostgreSQL cannot be read: it names no user
          hint: write `postgres://USER@HOST:PORT/DATABASE`; in a user's name or a password, `@`, `:` and `/` are written `%40`, `%3A` and `%2F`
          more: segue explain SG0707
        error[SG0707]: the address of PostgreSQL cannot be read: invalid port number
          hint: write `postgres://USER@HOST:PORT/DATABASE`; in a user's name or a password, `@`, `:` and `/` are written `%40`, `%3A` and `%2F`
          more: segue explain SG0707
        error[SG0707]: the address of PostgreSQL cannot be read: there is no `sslmode=never`
          hint: write `postgres://USER@HOST:PORT/DATABASE`; in a user's name or a password, `@`, `:` and `/` are written `%40`, `%3A` and `%2F`
          more: segue explain SG0707
        error[SG0707]: the address of PostgreSQL cannot be read: the parameter `target_session_attrs` is not known
          hint: write `postgres://USER@HOST:PORT/DATABASE`; in a user's name or a password, `@`, `:` and `/` are written `%40`, `%3A` and `%2F`
          more: segue explain SG0707
        sqlite:shop.db sqlite {"path":"/at/work/shop.db"}
        sqlite:/tmp/shop.db sqlite {"path":"/tmp/shop.db"}
        error[SG0707]: the address names no file
          hint: write `sqlite:FILE`, such as `sqlite:shop.db`
          more: segue explain SG0707
        error[SG0707]: `mysql:…` is no address that this version knows
          hint: write `postgres://USER@HOST/DATABASE`, `sqlite:FILE`, or the folder of a lake (`./lake`)
          more: segue explain SG0707
        error[SG0707]: `s3:…` is no address that this version knows
          hint: write `postgres://USER@HOST/DATABASE`, `sqlite:FILE`, or the folder of a lake (`./lake`)
          more: segue explain SG0707
        a path
        a path
        a path
        "##);
    }
}

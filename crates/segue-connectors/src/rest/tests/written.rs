//! Mistakes in connections and copies, each drawn at its place, with the schemas that the connectors have.

use segue_spec::{Files, check};

/// What is wrong with these two files, a line each: code, place, words, hint.
fn wrong(connection: &str, copy: &str) -> String {
    let connection = format!("connection: api\nkind: rest\nbase_url: https://api.example.com\n{connection}");
    let asset = format!("asset: raw.x\ncopy:\n  from: api\n{copy}");
    let texts = [
        ("segue.yaml", "format: 1\nproject: shop\n"),
        ("connections/api.yaml", connection.as_str()),
        ("assets/x.yaml", asset.as_str()),
    ];
    let files: Files = texts.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    let (_, found) = check(&files, &crate::schemas());
    let one = |d: &segue_diag::Diagnostic| {
        let span = d.span.as_ref().unwrap();
        let (_, text) = texts.iter().find(|(path, _)| *path == span.file).unwrap();
        let part = text[span.bytes.clone()].replace('\n', "\\n");
        let hint = d.hint.as_ref().map_or(String::new(), |h| format!(" — {h}"));
        format!("{} `{part}`: {}{hint}", d.code, d.message)
    };
    found.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn copied(copy: &str) -> String {
    wrong(
        "",
        &format!("{copy}  columns: {{ id: {{ type: string }}, at: {{ type: timestamp }} }}\n"),
    )
}

const PLAIN: &str = "  request: { get: /x }\n  records: $.x[*]\n";

#[test]
fn everything_that_there_is_can_be_written() {
    for auth in [
        "{ basic: { user: me, password: \"${secret:P}\" } }",
        "{ api_key: { cookie: sid, value: \"${secret:P}\" } }",
        "{ hmac: { secret: \"${secret:P}\", message: \"{{ timestamp }}{{ body }}\", headers: { X-Sign: \"{{ signature }}\" } } }",
        "{ aws_sigv4: { region: eu-central-1, service: s3, access_key_id: A, secret_access_key: \"${secret:P}\" } }",
        "{ oauth2: { grant: client_credentials, token_url: \"https://h/t\", client_id: a, client_secret: \"${secret:P}\" } }",
        "{ oauth2: { grant: refresh_token, token_url: \"https://h/t\", client_id: a, refresh_token: \"${secret:P}\" } }",
        "{ oauth2: { grant: jwt_bearer, token_url: \"https://h/t\", issuer: a, private_key: \"${secret:P}\" } }",
        "{ login: { secrets: { p: \"${secret:P}\" }, steps: [ { post: /in, json: { p: \"{{ secret.p }}\" }, take: { t: $.t, c: { cookie: sid } } } ], headers: { X: \"{{ login.t }}\" } } }",
    ] {
        assert_eq!(wrong(&format!("auth: {auth}\n"), PLAIN), "", "{auth}");
    }
    let limits =
        "limits: { quotas: [ { name: search, rate: 5/d, paths: [\"/s*\"] } ] }\nallowed_hosts: [\"*.example.com\"]\n";
    assert_eq!(wrong(limits, PLAIN), "");
    for copy in [
        "  request: { post: /x, json: { a: [1, \"{{ params.n }}\"] } }\n  records: $.x[*]\nparams: { n: { type: string } }\n",
        "  request: { post: /x, graphql: { query: \"{ a }\", variables: { n: 1 } } }\n  paginate: { cursor: { param: after, path: $.c, has_more: $.m } }\n  records: $.x[*]\n",
        "  request: { get: /x }\n  paginate: { offset: { limit: 5 }, reduce: { status: 413 } }\n  records: $.x[*]\n  decoder: csv\n",
        "  request: { get: /x }\n  paginate: { next_link: { header: X } }\n  records: $.x[*]\n  decoder: { format: json, stream: true, max_size: 5GiB }\n",
        "  request: { get: \"/{{ parent.id }}\", query: { f: \"{{ window.from }}\" } }\n  parents: [ { request: { get: /p }, records: \"$.p[*]\", take: { id: $.id }, group: { size: 5 } } ]\n  windows: { start: 2024-01-01, step: 1d }\n  records: $.x[*]\n",
        "  request: { post: /x }\n  export: { job: { id: $.id }, poll: { get: \"/x/{{ job.id }}\", status: $.s, done: [ok] }, download: { links: \"$.f[*]\" }, clean_up: { delete: \"/x/{{ job.id }}\" } }\n  records: $.x[*]\n",
    ] {
        assert_eq!(wrong("", copy), "", "{copy}");
    }
    let onward = format!(
        "{PLAIN}  newest_first: true\n  position: {{ column: at, lag: 1h }}\n  columns: {{ id: {{ type: string }}, at: {{ type: timestamp }} }}\nwrite: {{ mode: merge, key: [id] }}\n"
    );
    assert_eq!(wrong("", &onward), "");
}

#[test]
fn who_asks_is_looked_at_word_by_word() {
    let auth = |text: &str| wrong(&format!("auth: {text}\n"), PLAIN);
    insta::assert_snapshot!(auth("{ oauth2: { grant: refresh_tokn, token_url: \"https://h/t\", client_id: a } }"), @"SG0110 `refresh_tokn`: `grant` cannot be the text `refresh_tokn` — did you mean `refresh_token`?");
    insta::assert_snapshot!(auth("{ oauth2: { grant: refresh_token, token_url: \"https://h/t\", client_id: a, refresh_token: hunter2 } }"), @"SG0117 `hunter2`: `refresh_token` is a secret, and is written out — write `${secret:NAME}` and keep the value in the environment, in `.env` or in `secrets/NAME`");
    insta::assert_snapshot!(auth("{ hmac: { secret: \"${secret:P}\", message: \"{{ tiemstamp }}\", headers: { X: \"{{ signature }}\" } } }"), @"SG0134 `tiemstamp`: a template here knows no `tiemstamp` — did you mean `timestamp`?");
    insta::assert_snapshot!(auth("{ hmac: { secret: \"${secret:P}\", message: x } }"), @"SG0120 `hmac`: `hmac` wants one of `headers`, `query`, or several — write at least one of them");
    insta::assert_snapshot!(auth("{ login: { secrets: { p: hunter2 }, steps: [ { get: /a, json: {} } ], headers: { X: \"{{ logn.t }}\" } } }"), @r"
    SG0117 `hunter2`: `p` is a secret, and is written out — write `${secret:NAME}` and keep the value in the environment, in `.env` or in `secrets/NAME`
    SG0120 `json`: `get` and `json` cannot stand beside each other — write at most one of `get`, `json`
    SG0134 `logn.t`: a template here knows no `logn` — did you mean `login`?
    ");
    insta::assert_snapshot!(auth("{ api_key: { header: X, cookie: y, value: \"${secret:P}\" } }"), @"SG0120 `cookie`: `header` and `cookie` cannot stand beside each other — write exactly one of `header`, `query`, `cookie`, `body`");
}

#[test]
fn what_is_asked_is_looked_at_word_by_word() {
    insta::assert_snapshot!(copied("  request: { get: /x, json: {} }\n  records: $.x[*]\n"), @"SG0120 `json`: `get` and `json` cannot stand beside each other — write at most one of `get`, `json`");
    insta::assert_snapshot!(copied("  request: { post: /x, json: {}, form: {} }\n  records: $.x[*]\n"), @"SG0120 `form`: `json` and `form` cannot stand beside each other — write at most one of `json`, `form`, `graphql`");
    insta::assert_snapshot!(copied("  request: { get: \"/{{ parent.id }}\" }\n  records: $.x[*]\n"), @"SG0134 `parent.id`: there is no `parent`: the copy has no `parents` — write `parents: [ { request: …, records: …, take: { id: $.id } } ]`");
    insta::assert_snapshot!(copied("  request: { get: \"/{{ parent.idd }}/{{ window.until }}\" }\n  records: $.x[*]\n  parents: [ { request: { get: /p }, records: \"$.p[*]\", take: { id: $.id } } ]\n"), @r"
    SG0134 `parent.idd`: no parent takes a `idd` — did you mean `id`?
    SG0134 `window.until`: there is no `window`: the copy has no `windows` — write `windows: { start: 2024-01-01, step: 1d }`
    ");
    insta::assert_snapshot!(copied("  request: { get: /x }\n  records: $.x[*]\n  newest_first: true\n"), @"SG0120 `newest_first`: `newest_first` says something only beside `position` — write `position:`, or leave `newest_first` out");
    insta::assert_snapshot!(copied("  request: { get: /x }\n  records: $.x[*]\n  decoder: cvs\n"), @"SG0110 `cvs`: `decoder` cannot be `cvs` — did you mean `csv`?");
    insta::assert_snapshot!(copied("  request: { get: /x }\n  records: $.x[*]\n  paginate: { cursor: { path: c }, last_record: { param: a, path: $.a } }\n"), @r"
    SG0135 `c`: `c` is no JSONPath: it cannot be read from `c` on — a path begins with `$`: `$.items[*].id`
    SG0120 `last_record`: `cursor` and `last_record` cannot stand beside each other — write exactly one of `next_link`, `link_header`, `offset`, `page`, `cursor`, `last_record`
    ");
}

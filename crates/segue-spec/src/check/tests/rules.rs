//! Rules that the planted mistakes do not show, and what is right and might be taken for wrong.

use super::{lines, run, shop, with};
use insta::assert_snapshot;

const REST: &str = "copy:\n  from: api\n  request: { get: /x }\n  records: $.x\n";

fn copy(rest: &str) -> String {
    with("assets/x.yaml", &format!("asset: raw.x\n{REST}{rest}"))
}

fn sql(text: &str) -> String {
    with("assets/x.sql", text)
}

#[test]
fn shapes() {
    assert_snapshot!(with("assets/x.yaml", "asset: raw.x\nownr: me\ncopy: { from: api, reqest: { get: /x }, records: $.x }\nfresh: 10\ntags: a\ndescription: 3\n"), @r#"
    SG0107 assets/x.yaml:2 `ownr`: there is no key `ownr` here — did you mean `owner`?
    SG0107 assets/x.yaml:3 `reqest`: `copy` has no key `reqest` — did you mean `request`?
    SG0109 assets/x.yaml:4 `10`: `fresh` wants a duration such as `1d`, not the number 10
    SG0109 assets/x.yaml:5 `a`: `tags` wants a list, not the text `a`
    SG0109 assets/x.yaml:6 `3`: `description` wants text, not the number 3 — if it is text, quote it: "3"
    "#);
    assert_snapshot!(with("assets/x.yaml", "- asset: raw.x\n"), @r#"SG0109 assets/x.yaml:1 `- asset: raw.x`: an asset is a mapping, not a list — begin with `asset: schema.table`"#);
    assert_snapshot!(with("assets/x.yaml", "just text\n"), @r#"SG0109 assets/x.yaml:1 `just text`: an asset is a mapping, not the text `just text` — begin with `asset: schema.table`"#);
    assert_snapshot!(with("assets/x.yaml", ""), @r#"SG0104 assets/x.yaml:1 ``: assets/x.yaml is empty"#);
    assert_snapshot!(with("assets/x.yaml", "asset:\ncopy:\n"), @r#"
    SG0109 assets/x.yaml:1 `asset`: `asset` wants a name such as `raw.orders`, not nothing
    SG0109 assets/x.yaml:2 `copy`: `copy` wants a mapping, not nothing
    "#);
    assert_snapshot!(with("assets/x.yaml", "asset: raw.x\ncopy: [a]\ninto: 3\nwrite: replace\nchecks: { not_null: id }\n"), @r#"
    SG0109 assets/x.yaml:2 `[a]`: `copy` wants a mapping, not a list
    SG0109 assets/x.yaml:3 `3`: `into` wants a mapping, not the number 3
    SG0109 assets/x.yaml:4 `replace`: `write` wants a mapping, not the text `replace`
    SG0109 assets/x.yaml:5 `{ not_null: id }`: `checks` wants a list, not a mapping
    "#);
    assert_snapshot!(with("assets/x.yaml", "asset: raw.x\ncopy: { table: raw.stores }\ninto: { table: x }\n"), @r#"
    SG0108 assets/x.yaml:2 `copy`: `copy` lacks the key `from` — write `from:` with text
    SG0108 assets/x.yaml:3 `into`: `into` lacks the key `connection` — write `connection:` with text
    "#);
    assert_snapshot!(with("assets/x.yaml", "asset: raw.x\ncopy: { from: lake }\n"), @r#"SG0120 assets/x.yaml:2 `copy`: `copy` wants one of `table`, `sql` — write exactly one of them"#);
    assert_snapshot!(with("assets/x.yaml", "asset: raw.x\ncopy: { from: lake, table: raw.stores, sql: select 1, slice: [id] }\n"), @r#"
    SG0120 assets/x.yaml:2 `sql`: `table` and `sql` cannot stand beside each other — write exactly one of `table`, `sql`
    SG0213 assets/x.yaml:2 `1`: column 1 of the answer has no name — give it one: `… as name`
    SG0129 assets/x.yaml:2 `slice`: `slice` is not acted on by this version — leave it out
    "#);
    assert_snapshot!(copy("  paginate: { nxt_link: $.next }\n"), @r#"SG0107 assets/x.yaml:6 `nxt_link`: `paginate` has no key `nxt_link` — did you mean `next_link`?"#);
    assert_snapshot!(copy("  paginate: { next_link: next }\n"), @r#"SG0135 assets/x.yaml:6 `next`: `next` is no JSONPath: it cannot be read from `next` on — a path begins with `$`: `$.items[*].id`"#);
    assert_snapshot!(copy("  paginate: { max_pages: 3 }\n"), @r#"SG0120 assets/x.yaml:6 `paginate`: `paginate` wants one of `next_link`, `offset` — write exactly one of them"#);
    assert_snapshot!(copy("  errors: [ { status: 40, then: close } ]\n"), @r#"
    SG0111 assets/x.yaml:6 `40`: `status` is 40, beyond its bounds — write a whole number from 100 to 599
    SG0110 assets/x.yaml:6 `close`: `then` cannot be `close` — did you mean `closed`?
    "#);
    assert_snapshot!(copy("checks:\n  - { beween: { column: id } }\n  - { row: 3 }\n  - { accepted: { column: id, values: [] } }\n  - { }\n  - { row_count: { min: -1 } }\n"), @r#"
    SG0107 assets/x.yaml:7 `beween`: `checks` has no key `beween` — did you mean `between`?
    SG0109 assets/x.yaml:8 `3`: `row` wants text, not the number 3 — if it is text, quote it: "3"
    SG0111 assets/x.yaml:9 `[]`: `values` is a list with nothing in it
    SG0120 assets/x.yaml:10 `{ }`: `checks` wants one of `not_null`, `unique`, `between`, `accepted`, `matches`, `references`, `row`, `sql`, `row_count` — write exactly one of them
    SG0111 assets/x.yaml:11 `-1`: `min` is -1, beyond its bounds — write a whole number, 0 or more
    "#);
    assert_snapshot!(copy("write: { mode: view }\n"), @"SG0132 assets/x.yaml:2 `copy`: `mode: view` of a copy: a view is what its SQL gives — put `select * from schema.table` into a file that ends in `.sql`; what a source has must be stored to be read");
    assert_snapshot!(copy("params: { From: { type: text } }\n"), @r#"
    SG0115 assets/x.yaml:6 `From`: `From` is no name: lower-case letters, digits and `_`, not beginning with a digit
    SG0206 assets/x.yaml:6 `From`: nothing takes the parameter `From` — leave it out
    SG0114 assets/x.yaml:6 `text`: there is no type `text`; did you mean `string`?
    "#);
    assert_snapshot!(copy("range: { by: day, input: a.b.c, output: d, start: 2024-01-01 }\ninputs: { raw.y: ignore }\n"), @r#"
    SG0129 assets/x.yaml:6 `range`: `range` of a copy is not acted on by this version — in this version a range belongs to an asset made by SQL
    SG0129 assets/x.yaml:7 `inputs`: `inputs` of a copy is not acted on by this version — in this version a range belongs to an asset made by SQL
    "#);
}

#[test]
fn connections() {
    let one = |text: &str| with("connections/x.yaml", text);
    assert_snapshot!(one("connection: x\nkind: rest\nbase_url: https://a.b\nauth: { oauth2: { grant: password, token_url: https://a.b, client_id: x, client_secret: \"${env:S}\" } }\n"), @r#"
    SG0110 connections/x.yaml:4 `password`: `grant` cannot be `password` — write `client_credentials`
    SG0117 connections/x.yaml:4 `"${env:S}"`: a secret is taken from `${secret:NAME}`, not from `${env:…}`, which may be shown — write `${secret:NAME}`
    "#);
    assert_snapshot!(one("connection: x\nkind: rest\nbase_url: https://a.b\nauth: { baerer: { token: \"${secret:T}\" } }\n"), @r#"SG0107 connections/x.yaml:4 `baerer`: `auth` has no key `baerer` — did you mean `bearer`?"#);
    assert_snapshot!(one("connection: x\nkind: rest\nbase_url: https://a.b\nheaders: { X-Api-Key: abc, accept: text }\n"), @r#"SG0117 connections/x.yaml:4 `abc`: `X-Api-Key` is a secret, and is written out — write `${secret:NAME}` and keep the value in the environment, in `.env` or in `secrets/NAME`"#);
    assert_snapshot!(one("connection: files\nkind: rest\nbase_url: \"${secret:U}\"\n"), @r#"SG0115 connections/x.yaml:1 `files`: the connection `files` is built in — call this one something else"#);
    assert_snapshot!(one("connection: X\nkind: files\n"), @r#"
    SG0115 connections/x.yaml:1 `X`: `X` is no name: lower-case letters, digits and `_`, not beginning with a digit
    SG0126 connections/x.yaml:2 `files`: there is no connector `files` — this version knows `rest`, `sqlite`
    "#);
    assert_snapshot!(one("kind: sqlite\npath: x\n"), @r#"SG0108 connections/x.yaml:1 `kind`: this file lacks the key `connection` — write `connection:` with a name such as `orders`"#);
    assert_snapshot!(one("connection: x\n"), @r#"SG0108 connections/x.yaml:1 `connection`: this file lacks the key `kind` — write `kind: rest`, or another connector's name"#);
    assert_snapshot!(one("connection: x\nkind: 3\n"), @r#"SG0109 connections/x.yaml:2 `kind`: `kind` wants a word, not the number 3"#);
    assert_snapshot!(one("connection: x\nkind: rest\nbase_url: https://a.b\nlimits: { concurrency: \"${env:C:-8}\", rate: \"${env:R:-5/s}\" }\n"), @"");
    assert_snapshot!(one("connection: x\nkind: rest\nbase_url: https://a.b\nauth: { bearer: { token: abc }, oauth2: { grant: x, token_url: https://a.b, client_id: x, client_secret: \"${secret:S}\" } }\n"), @r#"
    SG0117 connections/x.yaml:4 `abc`: `token` is a secret, and is written out — write `${secret:NAME}` and keep the value in the environment, in `.env` or in `secrets/NAME`
    SG0120 connections/x.yaml:4 `oauth2`: `oauth2` cannot stand beside another of its kind — write exactly one of `oauth2`, `bearer`
    SG0110 connections/x.yaml:4 `x`: `grant` cannot be `x` — write `client_credentials`
    "#);
    // What uses a connection whose file is broken is not blamed for it.
    let mut files = shop();
    files.push(("connections/x.yaml", "connection: x\nkind: [\n"));
    files.push(("assets/x.yaml", "asset: raw.x\ncopy: { from: x, anything: 1 }\n"));
    let (_, found, files) = run(&files);
    assert_snapshot!(lines(&found, &files), @r#"SG0101 connections/x.yaml:3 ``: this is not YAML: while parsing a node, did not find expected node content — YAML could not be read any further; what follows in this file has not been looked at"#);
}

#[test]
fn projects() {
    let one = |text: &str| with("segue.yaml", text);
    assert_snapshot!(one("format: 1\nproject: Shop\nenvironments: { Dev: {}, prod: { lake: x, apply: never } }\n"), @r#"
    SG0115 segue.yaml:2 `Shop`: `Shop` is no name: lower-case letters, digits and `_`, not beginning with a digit
    SG0108 segue.yaml:3 `Dev`: the environment `Dev` lacks the key `lake` — only `dev` has a place by default
    SG0108 segue.yaml:3 `Dev`: the environment `Dev` lacks the key `state` — only `dev` has a place by default
    SG0115 segue.yaml:3 `Dev`: `Dev` is no name: lower-case letters, digits and `_`, not beginning with a digit
    SG0108 segue.yaml:3 `prod`: the environment `prod` lacks the key `state` — only `dev` has a place by default
    SG0110 segue.yaml:3 `never`: `apply` cannot be `never` — write `auto`, `breaking` or `all`
    "#);
    assert_snapshot!(one("format: one\nprojct: shop\n"), @r#"
    SG0109 segue.yaml:1 `one`: `format` wants a whole number, 0 or more, not the text `one`
    SG0107 segue.yaml:2 `projct`: there is no key `projct` here — did you mean `project`?
    "#);
    assert_snapshot!(one("format: 1\nproject: shop\nenvironments: { prod: { lake: x, state: \"postgres://h/db\" } }\n"), @r#"SG0129 segue.yaml:3 `postgres`: a state in PostgreSQL is not acted on by this version — name a file: `.segue/state.db`"#);
    assert_snapshot!(one("project: shop\n"), @r#"SG0108 segue.yaml:1 `project`: this file lacks the key `format` — write `format:` with a whole number, 0 or more"#);
    let (project, found, _) = run(&[("assets/x.yaml", "asset: raw.x\ncopy: { from: files, path: x }\n")]);
    assert!(project.is_none());
    assert_snapshot!(found[0].message, @r#"there is no segue.yaml in this folder"#);
    let (project, _, _) = run(&[(
        "segue.yaml",
        "format: 1\nproject: p\nenvironments: { prod: { lake: a, state: b }, test: { lake: c, state: d, apply: all } }\n",
    )]);
    let project = project.unwrap();
    assert_snapshot!(format!("{} {:?}", project.default_environment, project.environments.values().map(|e| (&e.lake, &e.state, e.apply)).collect::<Vec<_>>()), @r#"prod [("a", "b", Breaking), ("c", "d", All)]"#);
}

#[test]
fn templates_and_paths() {
    assert_snapshot!(copy("  for_each: { list: [a], batch: { size: 2 } }\n  slice: [id]\n  columns: { id: {}, b: { value: \"{{ batch.value }}\" } }\n"), @"");
    assert_snapshot!(with("assets/x.yaml", "asset: raw.x\ncopy:\n  from: api\n  for_each: { list: [a], batch: { size: 2 } }\n  request: { get: \"/{{ each.value }}\" }\n  records: $.x\n  slice: [id]\n"), @r#"SG0134 assets/x.yaml:5 `each.value`: there is no `each`: with `batch` one request is for several elements — write `{{ batch.… }}`"#);
    let sliced = |rest: &str| {
        copy(&format!(
            "  for_each: {{ list: [{{ a: 1, b: 2 }}, {{ a: 3 }}] }}\n  slice: [a]\n  columns:\n    a: {{ value: \"{{{{ each.a }}}}\" }}\n{rest}"
        ))
    };
    assert_snapshot!(sliced("    b: { value: \"{{ each.c }}\" }\n    d: { value: \"{{ batch.a }}\" }\n    e: { value: \"{{ params.x }}\" }\n    f: { value: 3 }\n"), @r#"
    SG0134 assets/x.yaml:10 `each.c`: the `for_each` has no column `c` — did you mean `a`?
    SG0134 assets/x.yaml:11 `batch.a`: there is no `batch`: the `for_each` has none — write `{{ each.… }}`
    SG0134 assets/x.yaml:12 `params.x`: there is no parameter `x` — declare it: `params: { x: { type: string } }`
    "#);
    assert_snapshot!(copy("  columns: { a: { value: \"{{ range.from }}\" }, b: { value: \"{{ position }}\" } }\n"), @r#"
    SG0134 assets/x.yaml:6 `range.from`: a template knows no `range` — there are `each`, `batch`, `params`, `record`, `parent`, `window`, `position`, `job`, `answer`
    SG0134 assets/x.yaml:6 `position`: there is no `position`: the copy has no `position` — write `position: { column: … }`
    "#);
    // The answer that a row is of is known in the values of columns alone.
    assert_snapshot!(copy("  columns: { a: { value: \"{{ answer.at }}\", type: timestamp } }\n"), @"");
    assert_snapshot!(copy("  columns: { a: { value: \"{{ answer.status }}\" } }\n"), @"SG0134 assets/x.yaml:6 `answer.status`: an answer has no `status` — it has `at`, when it was asked for");
    let early = with(
        "assets/x.yaml",
        "asset: raw.x\ncopy:\n  from: api\n  request: { get: \"/{{ answer.at }}\" }\n  records: $.x\n",
    );
    assert!(
        early.contains("SG0134") && early.contains("there is no `answer` here"),
        "{early}"
    );
    assert_snapshot!(copy("  columns: { a: {} }\n  position: { column: a }\nwrite: { mode: append }\n"), @"SG0129 assets/x.yaml:7 `position`: `position` is not acted on by this version — leave it out");
    assert_snapshot!(copy("  columns: { a: {} }\n  position: { column: a, lag: 1h }\nwrite: { mode: append, key: [a] }\n"), @r"
    SG0129 assets/x.yaml:7 `position`: `position` is not acted on by this version — leave it out
    SG0132 assets/x.yaml:7 `1h`: `lag` with `append`: rows that are read twice would be there twice — write `write: { mode: merge, key: [...] }`
    ");
    assert_snapshot!(copy("  columns: { a: {} }\n  position: { column: a, lag: 1h }\nwrite: { mode: delete_insert, key: [a] }\n"), @r"
    SG0129 assets/x.yaml:7 `position`: `position` is not acted on by this version — leave it out
    SG0132 assets/x.yaml:7 `1h`: `lag` with `delete_insert`: a row that is read twice would take the others of its key away — write `write: { mode: merge, key: [...] }`
    ");
    assert_snapshot!(copy("  columns: { a: {} }\n  position: { column: a, resume: key }\nwrite: { mode: append, key: [a] }\n"), @r"
    SG0129 assets/x.yaml:7 `position`: `position` is not acted on by this version — leave it out
    SG0132 assets/x.yaml:7 `key`: `resume` without `merge`: what is read twice would be there twice, or be taken for a change — write `write: { mode: merge, key: [...] }` with the table's primary key
    ");
    assert_snapshot!(copy("  columns: { a: {} }\n  position: { column: a, lag: 1h, resume: key }\nwrite: { mode: merge, key: [a] }\n"), @r"
    SG0129 assets/x.yaml:7 `position`: `position` is not acted on by this version — leave it out
    SG0132 assets/x.yaml:7 `key`: `resume` with `lag` is not known: a value does not tell what changed while the table was read — leave `lag` out: the server's transactions tell what changed meanwhile
    ");
    assert_snapshot!(sliced("    b: { path: \"$.a[?@.x == 1]\" }\n    c: { path: \"$.a-b\" }\n    d: { path: $ }\n    e: { path: plain }\n"), @r#"SG0135 assets/x.yaml:11 `"$.a-b"`: `$.a-b` is no JSONPath: it cannot be read from `-b` on — a path begins with `$`: `$.items[*].id`"#);
    assert_snapshot!(copy("  columns: { a: { value: \"{{ each.a }}\" }, b: { value: \"{% for x in record.items %}{{ x.y }}{{ loop.index }}{% endfor %}\" } }\n"), @r#"SG0134 assets/x.yaml:6 `each.a`: there is no `each`: the copy has no `for_each`"#);
    assert_snapshot!(with("assets/x.yaml", "asset: raw.x\nparams: { m: { default: US }, n: {} }\ncopy:\n  from: api\n  request: { get: \"/{{ params.m }}\" }\n  records: { path: $.x, pick: { where: \"record.name | trim == each.name\", none: quarantne } }\n"), @r#"
    SG0206 assets/x.yaml:2 `n`: nothing takes the parameter `n` — leave it out
    SG0134 assets/x.yaml:6 `each.name`: there is no `each`: the copy has no `for_each`
    SG0110 assets/x.yaml:6 `quarantne`: `none` cannot be `quarantne` — did you mean `quarantine`?
    "#);
}

#[test]
fn sql_in_yaml_has_its_place() {
    assert_snapshot!(with("assets/x.yaml", "asset: raw.x\ncopy:\n  from: lake\n  sql: >\n    select idd\n    from raw.stores\n"), @r#"SG0204 assets/x.yaml:5 `idd`: there is no column `idd` — did you mean `id`?"#);
    assert_snapshot!(with("assets/x.yaml", "asset: raw.x\ncopy: { from: lake, sql: 'select id from raw.stores where city = ''a'' and x = 1' }\n"), @r#"SG0204 assets/x.yaml:2 `'select id from raw.stores where city = ''a'' and x = 1'`: there is no column `x` — there are: `id`, `city`"#);
    assert_snapshot!(with("assets/x.yaml", "asset: raw.x\ncopy: { from: lake, sql: select id from raw.stores where citty = 1 }\nchecks:\n  - sql: \"select idd from raw.x\"\n  - row: id <> nothing\n  - row: \"id = $from\"\n"), @r#"
    SG0204 assets/x.yaml:2 `citty`: there is no column `citty` — did you mean `city`?
    SG0205 assets/x.yaml:6 `$from`: there is no parameter `$from` — a check takes no parameters
    "#);
    // A check of rows that go elsewhere asks them under the asset's own name.
    let mut files = shop();
    files[6].1 = "asset: out.totals\ncopy: { from: lake, table: sales.daily }\ninto: { connection: out, table: totals }\nchecks: [ { sql: \"select day, stor from out.totals\" } ]\n";
    let (_, found, files) = run(&files);
    assert_snapshot!(lines(&found, &files), @r#"SG0204 assets/out/totals.yaml:4 `stor`: there is no column `stor` — did you mean `store`?"#);
}

#[test]
fn ranges_and_inputs() {
    let daily = |range: &str, from: &str| {
        sql(&format!(
            "/* asset: a.x\n   range: {{ by: day, {range}, output: day, start: 2024-01-01 }}{from}"
        ))
    };
    let bounded = "where created_at >= $from and created_at < $to";
    assert_snapshot!(daily("input: raw.stores.city", &format!(" */\nselect created_at as day from raw.orders {bounded}")), @r#"SG0128 assets/x.sql:2 `raw.stores.city`: the statement does not read `raw.stores` — it reads `raw.orders`"#);
    assert_snapshot!(daily("input: raw.orders.created", " */\nselect created_at as day from raw.orders where created >= $from and created < $to"), @r#"
    SG0130 assets/x.sql:2 `raw.orders.created`: `raw.orders` has no column `created` — there are: `id`, `store`, `amount`, `created_at`
    SG0204 assets/x.sql:3 `created`: there is no column `created` — there are: `id`, `store`, `amount`, `created_at`
    SG0204 assets/x.sql:3 `created`: there is no column `created` — there are: `id`, `store`, `amount`, `created_at`
    "#);
    assert_snapshot!(daily("input: raw.orders.created_at", &format!("\n   inputs: {{ raw.stores: cty, raw.nothing: ignore }} */\nselect created_at as day from raw.orders, raw.stores s {bounded}")), @r#"
    SG0130 assets/x.sql:3 `cty`: `raw.stores` has no column `cty` — did you mean `city`?
    SG0128 assets/x.sql:3 `raw.nothing`: the statement does not read `raw.nothing` — it reads `raw.orders`, `raw.stores`
    "#);
    assert_snapshot!(daily("input: raw.orders.created_at", &format!("\n   inputs: {{ raw.stores: ignore }} */\nselect created_at as day from raw.orders join raw.stores s on s.id = store {bounded}")), @"");
    assert_snapshot!(sql("/* asset: a.x\n   inputs: { raw.stores: ignore } */\nselect id from raw.stores where id > $from"), @r#"
    SG0108 assets/x.sql:2 `inputs`: `inputs` without `range`: every change computes the asset anew — write `range:`, or leave `inputs` out
    SG0205 assets/x.sql:3 `$from`: there is no parameter `$from` — `$from` and `$to` are the bounds of a `range:`
    "#);
    assert_snapshot!(daily("input: orders", " */\nselect 1 as day"), @r#"SG0115 assets/x.sql:2 `orders`: `orders` names no column of an input: write `schema.table.column`"#);
    assert_snapshot!(sql("/* asset: a.x\n   range: { by: daily } */\nselect id from raw.stores"), @r#"
    SG0108 assets/x.sql:2 `range`: `range` lacks the key `input` — write `input:` with a column such as `raw.orders.created_at`
    SG0108 assets/x.sql:2 `range`: `range` lacks the key `output` — write `output:` with the name of a column
    SG0108 assets/x.sql:2 `range`: `range` lacks the key `start` — write `start:` with a day such as `2024-01-01`
    SG0110 assets/x.sql:2 `daily`: `by` cannot be `daily` — did you mean `day`?
    "#);
}

#[test]
fn one_mistake_breeds_no_others() {
    // A column that is misspelt in one asset is not missed in those that read it.
    let mut files = shop();
    files.push(("assets/a.sql", "/* asset: a.a */\nselect idd from raw.stores"));
    files.push(("assets/b.sql", "/* asset: a.b */\nselect id, whatever from a.a"));
    // Nor is anything of an asset whose file is broken, or that reads such a one.
    files.push(("assets/c.yaml", "asset: a.c\ncopy: {\n"));
    files.push((
        "assets/d.sql",
        "/* asset: a.d */\nselect c.x, s.id from a.c c join raw.stores s on s.id = c.y",
    ));
    files.push((
        "assets/e.yaml",
        "asset: a.e\ncopy: { from: lake, table: a.c }\nwrite: { key: [z] }\n",
    ));
    // Or whose columns may grow.
    files.push((
        "assets/f.yaml",
        "asset: a.f\ncopy: { from: files, path: x, on_new_column: evolve }\nwrite: { key: [new] }\n",
    ));
    let (_, found, files) = run(&files);
    assert_snapshot!(lines(&found, &files), @r#"
    SG0204 assets/a.sql:2 `idd`: there is no column `idd` — did you mean `id`?
    SG0101 assets/c.yaml:3 ``: this is not YAML: while parsing a node, did not find expected node content — YAML could not be read any further; what follows in this file has not been looked at
    "#);
}

#[test]
fn files_of_others_are_left_alone() {
    let mut files = shop();
    files.push(("docker-compose.yaml", "services: { db: { image: x } }\n"));
    files.push((".github/ci.yaml", "on: push\nasset: no\n"));
    files.push(("queries/top.sql", "select * from anything"));
    files.push(("tests/x.sql", "/* not a header */ select 1"));
    files.push(("queries/asset.sql", "/* asset: raw.y */ select 1"));
    files.push(("segue.yml", "format: 1\n"));
    files.push(("roles.yaml", "roles: []\n"));
    let (_, found, files) = run(&files);
    assert_snapshot!(lines(&found, &files), @r#"
    SG0137 .github/ci.yaml:2 `asset`: .github/ci.yaml is not read: such files stand in assets/ — move it into assets/
    SG0137 queries/asset.sql:1 `asset`: queries/asset.sql is not read: such files stand in assets/ — move it into assets/
    SG0129 roles.yaml:1 `roles: []`: roles.yaml is not acted on by this version — move the file out of the project until it is
    SG0137 segue.yml:1 `format: 1`: segue.yml is not read: the files of a project end in `.yaml` — rename it
    "#);
}

#[test]
fn a_file_that_is_no_text() {
    let mut files: crate::Files = shop().into_iter().collect();
    files.insert("assets/x.yaml", b"asset: raw.x\ndescription: \xff\n".to_vec());
    let (project, found) = crate::check(&files, &super::connectors());
    assert_snapshot!(lines(&found, &files), @r#"SG0105 assets/x.yaml:1 `?`: assets/x.yaml is not UTF-8 text, from byte 26 on — save it as UTF-8 text"#);
    assert_eq!(project.unwrap().assets.len(), 4);
    let mut files = crate::Files::new();
    files.insert("segue.yaml", vec![0xff]);
    assert_snapshot!(lines(&crate::check(&files, &[]).1, &files), @r#"SG0105 segue.yaml:1 ``: segue.yaml is not UTF-8 text, from byte 0 on — save it as UTF-8 text"#);
}

#[test]
fn no_text_makes_it_fall_over() {
    let shop = shop();
    let pieces = [
        "", "\t", "{", "]", "'", "\"", ": ", "- ", "*/", "/*", "&a", "*a", "é", "\u{0}", "${", "{{", "|\n", "---\n",
        "$from",
    ];
    for (i, (path, text)) in shop.iter().enumerate() {
        for (n, at) in (0..text.len())
            .step_by(13)
            .enumerate()
            .filter(|(_, at)| text.is_char_boundary(*at))
        {
            let piece = pieces[n % pieces.len()];
            let inserted = format!("{}{piece}{}", &text[..at], &text[at..]);
            let cut = format!("{}{piece}", &text[..at]);
            for changed in [inserted, cut] {
                let mut files: Vec<(&str, &str)> = shop.clone();
                files[i] = (path, &changed);
                let (_, found, files) = run(&files);
                for d in &found {
                    segue_diag::render(d, &files, false);
                }
            }
        }
    }
}

#[test]
fn what_objects_and_lists_become_is_said_once() {
    assert_snapshot!(copy("  nested: struct\n"), @"");
    assert_snapshot!(copy("  columns: { o: { nested: struct }, p: { type: json } }\n"), @"");
    let twice =
        copy("  columns: { o: { nested: struct, type: json }, v: { value: 1, nested: json } }\n  nested: flat\n");
    assert_snapshot!(twice, @r"
    SG0120 assets/x.yaml:6 `nested`: `type` and `nested` cannot stand beside each other: `type` says what the column is — write one of them
    SG0120 assets/x.yaml:6 `nested`: `value` and `nested` cannot stand beside each other: `value` says what the column is — write one of them
    SG0110 assets/x.yaml:7 `flat`: `nested` cannot be `flat` — write `json`, `struct` or `child_tables`
    ");
    let files = with(
        "assets/x.yaml",
        "asset: raw.x\ncopy: { from: files, path: x.csv, nested: struct, columns: { o: { nested: struct } } }\n",
    );
    assert_snapshot!(files, @r"
    SG0129 assets/x.yaml:2 `nested`: `nested` is not acted on by this version — leave it out
    SG0129 assets/x.yaml:2 `nested`: `nested` of a column is not acted on by this version where `files` is read — leave it out, and give the column its `type`
    ");
}

#[test]
fn what_changes_of_the_source_do_to_declared_columns() {
    assert_snapshot!(copy("  columns: { id: { type: string } }\n  on_new_column: evolve\n  on_type_change: evolve\n"), @r#"
    SG0129 assets/x.yaml:7 `on_new_column`: `on_new_column` beside `columns` is not acted on by this version: values that no column names are not looked at — leave it out; or leave out `columns`, and they are inferred
    SG0129 assets/x.yaml:8 `on_type_change`: `on_type_change: evolve` beside `columns` is not acted on by this version: a declared column stays of its type — say `freeze`, `quarantine` or `drop_value`; or give the column the wider type
    "#);
    assert_snapshot!(copy("  columns: { id: { type: string } }\n  on_type_change: drop_value\n"), @"");
    assert_snapshot!(copy("  on_new_column: evolve\n  on_type_change: evolve\n"), @"");
}

#[test]
fn write_modes_by_key() {
    let columns = |names: &str, write: &str| copy(&format!("  columns: {{ {names} }}\nwrite: {{ {write} }}\n"));
    for right in [
        "mode: delete_insert, key: [id]",
        "mode: history, key: [id]",
        "mode: merge, key: [id], delete_missing: hard, max_deleted: 5%",
        "mode: merge, key: [id], delete_missing: keep",
    ] {
        assert_eq!(columns("id: { type: int64 }", right), "", "{right}");
    }
    assert_snapshot!(copy("write: { mode: delete_insert }\n"), @"SG0132 assets/x.yaml:6 `delete_insert`: `delete_insert` without `key`: nothing says which rows go — write `key:` with the columns whose rows come and go together");
    assert_snapshot!(copy("write: { mode: history }\n"), @"SG0132 assets/x.yaml:6 `history`: `history` without `key`: nothing says which row a row follows — write `key:` with the columns in which no two rows are equal");
    assert_snapshot!(columns("id: { type: int64 }, valid_to: { type: timestamp }", "mode: history, key: [id, current]"), @r"
    SG0132 assets/x.yaml:6 `valid_to`: a column cannot be called `valid_to` here: `mode: history` keeps one of that name — give it another name: `name: { path: ... }` under `columns:`, or `as` in SQL
    SG0132 assets/x.yaml:7 `current`: a column cannot be called `current` here: `mode: history` keeps one of that name — give it another name: `name: { path: ... }` under `columns:`, or `as` in SQL
    ");
    assert_snapshot!(columns("id: { type: int64 }, deleted_at: { type: timestamp }", "mode: merge, key: [id], delete_missing: soft"), @"SG0132 assets/x.yaml:6 `deleted_at`: a column cannot be called `deleted_at` here: `delete_missing: soft` keeps one of that name — give it another name: `name: { path: ... }` under `columns:`, or `as` in SQL");
    assert_snapshot!(columns("id: { type: int64 }, deleted_at: { type: timestamp }", "mode: merge, key: [id], delete_missing: hard"), @"");
    assert_snapshot!(columns("id: { type: int64 }", "mode: merge, key: [id], max_deleted: 5%"), @"SG0132 assets/x.yaml:7 `max_deleted`: `max_deleted` without `delete_missing`: nothing is deleted — write `delete_missing: soft` or `hard`, or leave it out");
    assert_snapshot!(columns("id: { type: int64 }", "mode: merge, key: [id], delete_missing: soft, max_deleted: 5"), @"SG0109 assets/x.yaml:7 `5`: `max_deleted` wants a share such as `20%`, not the number 5");
    for mode in ["append", "delete_insert, key: [id]", "history, key: [id]"] {
        let told = columns("id: { type: int64 }", &format!("mode: {mode}, delete_missing: soft"));
        assert!(told.starts_with("SG0132") && told.contains("`merge`"), "{told}");
    }
    for (part, refused) in [
        (
            "position: { column: id }",
            "where only what is new is read (`position`, `only`): what was read before",
        ),
        (
            "for_each: { list: [ a ] }\n  slice: [id]",
            "with `for_each`: the rows of other elements",
        ),
        (
            "paginate: { offset: { param: o, limit: 5 }, max_pages: 3 }",
            "with `max_pages`: what is on the pages after it",
        ),
    ] {
        let told = copy(&format!(
            "  {part}\nwrite: {{ mode: merge, key: [id], delete_missing: soft }}\n"
        ));
        let wanted = format!("`delete_missing` {refused} would count as missing");
        assert!(told.contains("SG0132") && told.contains(&wanted), "{told}");
    }
    let early = columns(
        "id: { type: int64 }",
        "mode: history, key: [id] }\nchecks:\n  - { not_null: [id, valid_from], on_failure: quarantine }\n  - { unique: [valid_to], scope: changed }\n  - { not_null: [valid_from]",
    );
    assert_eq!(
        early.matches("the rows that come have no such column yet").count(),
        2,
        "{early}"
    );
    let named = sql("/* asset: a.b\n   write: { mode: history, key: [id] } */\nselect 1 as id, 2 as current\n");
    assert!(named.contains("a column cannot be called `current` here"), "{named}");
}

#[test]
fn rows_that_a_table_refuses() {
    let into = "into: { connection: app, table: x }\n";
    let write = |before: &str, write: &str| copy(&format!("{before}write: {{ {write} }}\n"));
    for right in [
        "mode: append, on_violation: quarantine",
        "mode: merge, key: [id], on_violation: quarantine, max_violations: 1%",
        "mode: history, key: [id], on_violation: fail",
    ] {
        let told = write(into, right);
        assert!(!told.contains("violation"), "{told}");
    }
    for (before, wrong, refused) in [
        (
            into,
            "max_violations: 5%",
            "`max_violations` without `on_violation: quarantine`: nothing is set aside",
        ),
        (
            "",
            "on_violation: quarantine",
            "`on_violation` without `into`: a table of the lake has no rules",
        ),
        (
            into,
            "mode: history, key: [id], on_violation: quarantine",
            "`on_violation: quarantine` with `history`",
        ),
        (into, "on_violation: drop", "`fail`"),
    ] {
        let told = write(before, wrong);
        assert!(told.contains(refused), "{told}");
    }
}

#[test]
fn a_write_modes_own_columns_are_known_to_readers() {
    let history = format!(
        "asset: raw.h\n{REST}  columns: {{ id: {{ type: int64 }} }}\nwrite: {{ mode: history, key: [id] }}\nchecks: [ {{ not_null: valid_from }} ]\n"
    );
    let reads = |what: &str| {
        let reader = format!("/* asset: a.b */\nselect id, {what} as x from raw.h\n");
        let mut files = shop();
        files.extend([("assets/h.yaml", history.as_str()), ("assets/r.sql", reader.as_str())]);
        let (_, found, files) = run(&files);
        lines(&found, &files)
    };
    assert_snapshot!(reads("current"), @"");
    assert_snapshot!(reads("deleted_at"), @"SG0204 assets/r.sql:2 `deleted_at`: there is no column `deleted_at` — there are: `id`, `valid_from`, `valid_to`, `current`");
}

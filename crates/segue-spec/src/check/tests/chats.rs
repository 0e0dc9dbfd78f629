//! Chats: what is wrong with their files, at its place.

use super::{lines, run, shop};

/// Stores that are found by a name, and a chat about them.
const STORES: &str = "asset: raw.stores\ncopy:\n  from: files\n  path: data/stores.csv\n  columns: { id: { type: string }, city: { type: string } }\nfind: { id: id, name: city }\n";

const CHAT: &str = r#"chat: stores
languages: [en, ko]
resolve:
  store: { in: raw.stores, apart: select city from raw.stores where id = $store_id }
greeting:
  match: { en: "(hi|hello)", ko: "안녕[하세요]" }
  answer:
    - text: { en: Hello, ko: 안녕하세요 }
intents:
  - intent: about
    match: "{store}"
    queries:
      it: select id, city from raw.stores where id = $store_id
      orders: select id, amount from raw.orders where store = $store_id
    answer:
      - cards:
          each: it
          title: "{{ row.city }}"
          subtitle: '{{ orders | join(", ", attribute="amount") }}'
          buttons: [ { title: { en: All, ko: 모두 }, ask: all } ]
      - when_empty: orders
        text: { en: "{{ store.name }} has no orders.", ko: "{{ store.name }}: 주문이 없어요." }
      - quick_replies: [ { title: { en: Orders, ko: 주문 }, ask: orders } ]
  - intent: orders
    match: { en: "orders of {store}", ko: "{store}[의] 주문" }
    queries: { orders: "select id, amount from raw.orders where store = $store_id and $store_name <> '' and $language = 'en'" }
    answer:
      - text: "{% for o in orders %}{{ o.id }}: {{ o.amount }}\n{% endfor %}"
  - intent: all
    match: stores
    queries: { all: "select id, city from raw.stores" }
    answer:
      - cards: { each: all, title: "{{ row.city }}", buttons: [ { title: About, ask: about, id: "{{ row.id }}" } ] }
sentences:
  several: { en: Which?, ko: 어느 것? }
  nearest: { en: Near, ko: 근처 }
  unknown: { en: "No {{ text }}", ko: "{{ text }} 없음" }
  nothing: { en: Nothing, ko: 없음 }
  too_long: { en: "At most {{ most }}", ko: "{{ most }}자" }
"#;

fn files(chat: &str) -> Vec<(&str, &str)> {
    let mut files: Vec<(&str, &str)> = shop();
    for (path, text) in &mut files {
        if *path == "assets/raw/stores.yaml" {
            *text = STORES;
        }
    }
    files.push(("chats/stores.yaml", chat));
    files
}

/// What is wrong with the chat when this stands in the place of that.
#[track_caller]
fn with(from: &str, to: &str) -> String {
    assert!(CHAT.contains(from), "the chat has no `{from}`");
    let chat = CHAT.replacen(from, to, 1);
    let (project, found, files) = run(&files(&chat));
    let wrong = found.iter().any(|d| d.severity == segue_diag::Severity::Error);
    assert_eq!(
        project.unwrap().chats.is_empty(),
        wrong,
        "a chat with a mistake is left out"
    );
    lines(&found, &files)
}

#[track_caller]
fn says(told: &str, wanted: &[&str]) {
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), wanted.len(), "{told}");
    for (line, wanted) in lines.iter().zip(wanted) {
        for part in wanted.split(" … ") {
            assert!(line.contains(part), "no `{part}` in: {line}");
        }
    }
}

#[test]
fn a_right_chat_is_part_of_the_project() {
    let (project, found, files) = run(&files(CHAT));
    assert_eq!(lines(&found, &files), "");
    let project = project.unwrap();
    let chat = &project.chats["stores"];
    assert_eq!(chat.languages, ["en", "ko"]);
    let about: Vec<Option<&str>> = chat.intents.iter().map(|i| i.thing.as_deref()).collect();
    assert_eq!(about, [Some("store"), Some("store"), None]);
    assert_eq!(chat.intents[1].phrases.len(), 3);
    assert_eq!(chat.sentences.unknown.in_language("ko"), "{{ text }} 없음");
    let again: crate::Project = serde_json::from_value(serde_json::to_value(&project).unwrap()).unwrap();
    assert_eq!(again, project);
}

#[test]
fn every_text_says_it_in_every_language_or_names_the_one_that_stands_in() {
    says(
        &with("{ en: Hello, ko: 안녕하세요 }", "{ en: Hello }"),
        &["SG1103 … `en`: this text says nothing in `ko` … fallback: en"],
    );
    assert_eq!(with("languages: [en, ko]\n", "languages: [en, ko]\nfallback: en\n"), "");
    let chat = CHAT
        .replace("languages: [en, ko]\n", "languages: [en, ko]\nfallback: en\n")
        .replace("{ en: Hello, ko: 안녕하세요 }", "{ en: Hello }");
    let (project, found, files) = run(&files(&chat));
    assert_eq!(lines(&found, &files), "");
    let greeting = &project.unwrap().chats["stores"].greeting;
    let crate::model::chat::What::Text(text) = &greeting.answer[0].what else {
        panic!("it is a text");
    };
    assert_eq!(text.in_language("ko"), "Hello");
    says(
        &with(
            "{ en: Hello, ko: 안녕하세요 }",
            "{ en: Hello, ko: 안녕하세요, kr: 안녕 }",
        ),
        &["SG1103 … `kr`: the chat does not speak `kr` — did you mean `ko`?"],
    );
    says(
        &with("languages: [en, ko]", "languages: [English]"),
        &["SG1103 … `English` is no language"],
    );
    says(
        &with("languages: [en, ko]\n", "languages: [en, ko]\nfallback: de\n"),
        &["SG1103 … the chat does not speak `de`"],
    );
}

#[test]
fn phrases_are_read_and_claimed_once() {
    says(
        &with("\"orders of {store}\"", "\"orders of {store\""),
        &["SG1101 … `{`: `{` is not closed"],
    );
    says(
        &with("\"orders of {store}\"", "\"orders of {stor}\""),
        &["SG1104 … `{stor}`: nothing says what `stor` is — did you mean `store`?"],
    );
    says(
        &with("match: stores", "match: [stores, \"orders of {store}\"]"),
        &[
            "SG1101 … names `store`, and another of its intent names nothing",
            "SG1102 … says the same as a phrase of `orders`",
        ],
    );
    says(
        &with("match: stores", "match: Hello!"),
        &["SG1102 … says the same as a phrase of `greeting`"],
    );
    says(
        &with("intent: all", "intent: orders"),
        &[
            "SG1104 … there is no intent `all`",
            "SG1107 … two intents are called `orders`",
        ],
    );
    says(
        &with("intent: all", "intent: greeting"),
        &[
            "SG1104 … there is no intent `all`",
            "SG1107 … that is what `greeting:` is called",
        ],
    );
}

#[test]
fn names_are_looked_for_where_they_can_be_found() {
    says(
        &with("in: raw.stores", "in: raw.store"),
        &["SG0128 … there is no asset `raw.store` — did you mean `raw.stores`?"],
    );
    says(
        &with("in: raw.stores", "in: raw.orders"),
        &["SG1003 … `raw.orders` does not say how its rows are found"],
    );
    says(
        &with("in: raw.stores", "in: out.totals"),
        &["SG1002 … written into `out`"],
    );
    says(
        &with("where id = $store_id }", "where id = $shop_id }"),
        &["SG0205 … `$shop_id`: there is no parameter `$shop_id` — there are: `$store_id`, `$store_name`, `$language`"],
    );
}

#[test]
fn queries_are_looked_through() {
    says(
        &with(
            "select id, city from raw.stores where",
            "select id, town from raw.stores where",
        ),
        &["SG0204 … `town`: there is no column `town`"],
    );
    says(
        &with(
            "all: \"select id, city from raw.stores\"",
            "all: \"select id, city from raw.shops\"",
        ),
        &["SG0203 … raw.shops"],
    );
    says(
        &with(
            "select id, city from raw.stores\"",
            "select id, city from raw.stores where id = $store_id\"",
        ),
        &["SG0205 … there is no parameter `$store_id` — there are: `$language`"],
    );
    says(
        &with("select id, city from raw.stores\"", "select * from {{ table }}\""),
        &["SG0211 … SQL is never a template — SQL takes parameters: `$language`"],
    );
    says(
        &with("select id, city from raw.stores\"", "delete from raw.stores\""),
        &["SG0202 … a chat only asks: write one `select`"],
    );
    says(
        &with(
            "      it: select",
            "      other: select id from raw.orders\n      it: select",
        ),
        &["SG1105 … `other`: nothing in the answer takes the rows of `other`"],
    );
    says(
        &with("{ all: \"select", "{ row: \"select"),
        &[
            "SG0115 … a query cannot be called `row`",
            "SG1104 … there is no query `all`",
        ],
    );
}

#[test]
fn templates_name_what_is_there() {
    for (from, to, wanted) in [
        (
            "{{ row.city }}\"\n          subtitle",
            "{{ row.town }}\"\n          subtitle",
            "`row.town`: the query `it` has no column `town`",
        ),
        (
            "attribute=\"amount\"",
            "attribute=\"amout\"",
            "`amout`: the query `orders` has no column `amout` — did you mean `amount`?",
        ),
        (
            "{{ o.amount }}",
            "{{ o.price }}",
            "the query `orders` has no column `price`",
        ),
        (
            "{{ store.name }} has",
            "{{ store.city }} has",
            "`store.city`: `store` has no `city`",
        ),
        (
            "{{ store.name }} has",
            "{{ stor.name }} has",
            "a text here knows no `stor` — did you mean `store`?",
        ),
        ("{{ store.name }} has", "{{ row.city }} has", "there is no `row` here"),
        (
            "{{ store.name }} has",
            "{{ orders.amount }} has",
            "`orders` is a list of rows, and has no `amount`",
        ),
        ("No {{ text }}", "No {{ store.name }}", "a text here knows no `store`"),
    ] {
        says(&with(from, to), &[&format!("SG0134 … {wanted}")]);
    }
    says(&with("No {{ text }}", "No {{ text"), &["SG0133 … cannot be read"]);
    says(
        &with("No {{ text }}", "No {{ text | uper }}"),
        &["SG0133 … cannot be filled in … uper"],
    );
}

#[test]
fn answers_can_be_given() {
    says(
        &with("each: all,", "each: al,"),
        &["SG1104 … `al`: there is no query `al` — did you mean `all`?"],
    );
    says(
        &with("when_empty: orders", "when_empty: order"),
        &["SG1104 … there is no query `order` — did you mean `orders`?"],
    );
    says(
        &with("ask: all }", "ask: any }"),
        &["SG1104 … there is no intent `any`"],
    );
    says(
        &with(", id: \"{{ row.id }}\"", ""),
        &["SG1105 … `about` is about one `store`, and this answer is about none"],
    );
    says(
        &with("ask: all }", "ask: all, id: \"{{ row.id }}\" }"),
        &["SG1105 … `all` is about nothing that has an id"],
    );
    says(
        &with("ask: orders } ]", "say: orders, id: x } ]"),
        &["SG1105 … `id` without `ask`"],
    );
    let last = "      - quick_replies: [ { title: { en: Orders, ko: 주문 }, ask: orders } ]\n";
    says(
        &with(last, &format!("{last}      - text: more\n")),
        &["SG1105 … quick replies stand before another part"],
    );
    says(
        &with(
            "    - text: { en: Hello, ko: 안녕하세요 }",
            "    - quick_replies: [ { title: Stores, ask: all } ]",
        ),
        &["SG1105 … an answer of quick replies alone"],
    );
    says(
        &with("text: { en: Hello, ko: 안녕하세요 }", "when: x"),
        &["SG0120", "SG1104 … there is no query `x`"],
    );
    says(
        &with("title: About, ask", "title: Everything about this store, ask"),
        &["SG1106 … this has 27 characters, and the title of a button or quick reply has 20 at most"],
    );
    let four =
        "buttons: [ { title: A, ask: all }, { title: B, ask: all }, { title: C, ask: all }, { title: D, ask: all } ]";
    says(
        &with("buttons: [ { title: { en: All, ko: 모두 }, ask: all } ]", four),
        &["SG0111 … `buttons` has more than 3 items"],
    );
}

#[test]
fn the_file_itself_is_judged_like_any_other() {
    says(&with("greeting:", "greetings:"), &["SG0107 … did you mean `greeting`?"]);
    let (_, found, all) = run(&[files(CHAT), vec![("chats/again.yaml", CHAT)]].concat());
    says(
        &lines(&found, &all),
        &["SG1107 chats/stores.yaml:1 `stores`: there are two chats `stores`"],
    );
    let (_, found, all) = run(&[
        files(CHAT),
        vec![("chats/x.yml", "chat: x\n"), ("talk/y.yaml", "chat: y\n")],
    ]
    .concat());
    says(
        &lines(&found, &all),
        &[
            "SG0137 chats/x.yml … end in `.yaml`",
            "SG0137 talk/y.yaml … move it into chats/",
        ],
    );
    let (_, found, all) = run(&files("- a\n- b\n"));
    says(&lines(&found, &all), &["SG0109 … a chat is a mapping, not a list"]);
    // Mistakes elsewhere do not take the chat away.
    let mut broken = files(CHAT);
    broken.push(("assets/x.sql", "/* asset: a.x */\nselect nothing from raw.stores"));
    let (project, found, _) = run(&broken);
    assert_eq!(found.len(), 1);
    assert!(project.unwrap().chats.contains_key("stores"));
}

//! `segue test`: assets' SQL over given rows, with no network, no lake and no state.

use crate::support::Project;
use serde_json::Value;

/// A project that never ran: an API that nobody answers for, a view, a table made from it, and one by ranges.
fn shop() -> Project {
    Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\ntimezone: Asia/Seoul\n"),
        (
            "connections/api.yaml",
            "connection: api\nkind: rest\nbase_url: https://api.example.com\nauth: { bearer: { token: \"${secret:NOBODY_KNOWS}\" } }\n",
        ),
        (
            "assets/raw/orders.yaml",
            concat!(
                "asset: raw.orders\ncopy:\n  from: api\n  request: { get: /orders }\n  records: $.items[*]\n  columns:\n",
                "    id: { type: int64 }\n    store: { type: string }\n    amount: { type: \"decimal(10,2)\" }\n    score: { type: float64 }\n    at: { type: timestamp }\n"
            ),
        ),
        (
            "assets/sales/large.sql",
            "/* asset: sales.large\n   write: { mode: view } */\nselect id, store, amount, score from raw.orders where amount >= 10\n",
        ),
        (
            "assets/sales/stores.sql",
            "/* asset: sales.stores\n   params: { least: { type: int64, default: 1 } }\n   checks: [ { unique: [store] }, { row: \"orders < 100\" } ] */\nselect store, count(*) as orders, sum(amount) as total, max(score) as best\nfrom sales.large group by store having count(*) >= $least\n",
        ),
        (
            "assets/sales/daily.sql",
            "/* asset: sales.daily\n   range: { by: day, input: raw.orders.at, output: day, start: 2024-01-01 } */\nselect cast(date_trunc('day', at) as date) as day, count(*) as orders, now() as made from raw.orders where at >= $from and at < $to group by 1\n",
        ),
    ])
}

const STORES: &str = "test: large orders are counted by store
asset: sales.stores
given:
  raw.orders:
    - { id: 1, store: Seoul, amount: 12.50, score: 0.1 }
    - { id: 2, store: Seoul, amount: \"20.00\", score: 0.3 }
    - { id: 3, store: Busan, amount: 8 }
    - { id: 4, amount: 11 }
expect:
  rows:
    # of no store
    - { orders: 1, total: 11 }
    - { store: Seoul, orders: 2, total: 32.5, best: 0.30000000000001 } # nearly
";

fn json(text: &str) -> Value {
    serde_json::from_str(text.lines().last().expect("a line")).expect("it is JSON")
}

#[test]
fn a_test_passes_without_anything_around_it() {
    let project = shop();
    project.write("tests/stores.yaml", STORES);
    let done = project.writes_nothing(&["."], &["test"], 0);
    assert!(
        done.out
            .contains("ok tests/stores.yaml:1 large orders are counted by store"),
        "{}",
        done.out
    );
    assert!(done.out.contains("1 passed in"), "{}", done.out);
    assert!(!project.file("lake").exists() && !project.file(".segue").exists());
    let report = json(&project.ok(&["--json", "test"]));
    assert_eq!(
        (report["passed"].as_u64(), report["failed"].as_u64()),
        (Some(1), Some(0))
    );
    assert_eq!(report["tests"][0]["outcome"], "passed");
}

#[test]
fn a_difference_is_a_table_and_ends_with_nine() {
    let project = shop();
    project.write(
        "tests/stores.yaml",
        &STORES
            .replace("total: 32.5,", "total: 32.6,")
            .replace("orders: 1, total: 11", "orders: 3, store: Jeju"),
    );
    let failed = project.segue(&["test"]).ended(9);
    for part in [
        "FAILED tests/stores.yaml:1",
        "other rows came than are expected",
        "32.60 → 32.50",
        "store | orders | total ",
        "1 failed in",
    ] {
        assert!(failed.out.contains(part), "{part}\n{}", failed.out);
    }
    // Nothing is compared but what is said.
    project.write(
        "tests/stores.yaml",
        &STORES
            .replace("expect:\n", "expect:\n  columns: [store, orders]\n")
            .replace(", total: 32.5, best: 0.30000000000001", "")
            .replace(", total: 11", ""),
    );
    project.ok(&["test"]);
}

#[test]
fn what_is_written_comes_in_the_place_of_what_was_and_remarks_stay() {
    let project = shop();
    project.write(
        "tests/stores.yaml",
        &STORES
            .replace("total: 32.5,", "total: 99,")
            .replace("    - { orders: 1, total: 11 }\n", ""),
    );
    let done = project.ok(&["test", "--update"]);
    assert!(
        done.contains("updated tests/stores.yaml:1") && done.contains("1 updated"),
        "{done}"
    );
    let text = project.read("tests/stores.yaml");
    assert!(
        text.contains("    # of no store\n") && text.contains("# nearly\n"),
        "{text}"
    );
    assert!(text.contains("- { id: 3, store: Busan, amount: 8 }"), "{text}");
    assert!(text.contains("- { orders: 1, total: \"11.00\" }"), "{text}");
    project.ok(&["test"]);
    let before = project.read("tests/stores.yaml");
    project.ok(&["test", "--update"]);
    assert_eq!(project.read("tests/stores.yaml"), before);
}

#[test]
fn ranges_times_and_parameters_are_those_of_the_test() {
    let project = shop();
    project.write(
        "tests/daily.yaml",
        concat!(
            "- test: a day begins at midnight in Seoul\n  asset: sales.daily\n  now: 2024-03-01T00:00:00Z\n  range: { from: 2024-01-02, to: 2024-01-03 }\n",
            "  given:\n    raw.orders:\n      - { id: 1, at: \"2024-01-01T15:00:00Z\" }\n      - { id: 2, at: \"2024-01-01T14:59:59Z\" }\n",
            "  expect:\n    rows: [ { day: \"2024-01-02\", orders: 1, made: \"2024-03-01T00:00:00Z\" } ]\n",
            "- test: stores with fewer are left out\n  asset: sales.stores\n  params: { least: 2 }\n",
            "  given: { sales.large: [ { id: 1, store: a }, { id: 2, store: b }, { id: 3, store: b } ] }\n",
            "  expect: { rows: [ { store: b, orders: 2 } ], ordered: true }\n",
            "- test: an error may be what is expected\n  asset: sales.stores\n  given: { raw.orders: { file: given/orders.csv } }\n",
            "  expect: { error: \"check `row orders < 100` of sales.stores does not hold\" }\n",
        ),
    );
    let rows: String = (0..100).map(|id| format!("{id},x,10\n")).collect();
    project.write("tests/given/orders.csv", &format!("id,store,amount\n{rows}"));
    let done = project.ok(&["test"]);
    assert!(done.contains("3 passed"), "{done}");
}

#[test]
fn a_check_that_does_not_hold_fails_the_test() {
    let project = shop();
    project.edit("assets/sales/stores.sql", "orders < 100", "orders < 2");
    project.write("tests/stores.yaml", STORES);
    let failed = project.segue(&["test"]).ended(9);
    assert!(
        failed.out.contains("rows are expected, and an error came") && failed.out.contains("SG0511"),
        "{}",
        failed.out
    );
    // Of one that only warns it is said, and of one that sets rows aside they are left out.
    project.edit(
        "assets/sales/stores.sql",
        "{ row: \"orders < 2\" }",
        "{ row: \"orders < 2\", on_failure: warn }",
    );
    let warned = project.ok(&["test"]);
    assert!(
        warned.contains("note: check `row orders < 2` of sales.stores does not hold"),
        "{warned}"
    );
    project.edit("assets/sales/stores.sql", "on_failure: warn", "on_failure: quarantine");
    let fewer = project.segue(&["test"]).ended(9);
    assert!(
        fewer.out.contains("note: 1 row would be set aside by checks"),
        "{}",
        fewer.out
    );
}

#[test]
fn what_cannot_be_run_ends_with_two_and_says_where() {
    let project = shop();
    project.write("tests/right.yaml", STORES);
    for (text, part) in [
        (
            STORES.replace("store: Busan", "stroe: Busan"),
            "error[SG0130]: `raw.orders` has no column `stroe`",
        ),
        (
            STORES.replace("amount: 8 ", "amount: many "),
            "error[SG0109]: `amount` of `raw.orders`",
        ),
        (
            STORES.replace("total: 11", "totel: 11"),
            "error[SG0130]: what `sales.stores` gives has no column `totel`",
        ),
        (
            STORES.replace("raw.orders:", "raw.order:"),
            "error[SG0148]: `sales.stores` reads `raw.orders`, of which no rows are given",
        ),
        (
            STORES.replace("asset: sales.stores", "asset: sales.store"),
            "did you mean `sales.stores`?",
        ),
        ("test: [\n".to_string(), "error[SG01"),
    ] {
        project.write("tests/wrong.yaml", &text.replace("test: large", "test: wrong, large"));
        let broken = project.segue(&["test"]).ended(2);
        assert!(broken.text().contains(part), "{part}\n{}", broken.text());
        assert!(broken.text().contains("tests/wrong.yaml"), "{}", broken.text());
        // The others are run all the same, and runs do not look at tests.
        assert!(
            broken.out.contains("1 passed") && broken.out.contains("1 broken"),
            "{}",
            broken.out
        );
        project.ok(&["test", "tests/right.yaml"]);
        project.ok(&["plan", "sales.large"]);
    }
}

#[test]
fn tests_are_chosen_by_asset_file_and_name() {
    let project = shop();
    project.write("tests/stores.yaml", STORES);
    project.write("tests/more/large.yaml", "test: small ones are left out\nasset: sales.large\ngiven: { raw.orders: [ { id: 1, amount: 9.99 } ] }\nexpect: { rows: [] }\n");
    project.write(
        "tests/one.slt",
        "query I\nselect count(*) from (values (1), (2)) t\n----\n2\n",
    );
    let count = |args: &[&str]| project.ok(&[&["test"], args].concat()).matches("ok tests/").count();
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["sales.large"]), 1);
    assert_eq!(count(&["sales.large+"]), 2);
    assert_eq!(count(&["tests/more", "one.slt"]), 2);
    assert_eq!(count(&["--filter", "left out"]), 1);
    let nothing = project.segue(&["test", "raw.orders"]).ended(4);
    assert!(nothing.err.contains("error[SG0710]"), "{}", nothing.err);
    // In the order of their files, however many run at once.
    let out = project.ok(&["test"]);
    let places: Vec<usize> = ["tests/more/large.yaml", "tests/one.slt", "tests/stores.yaml"]
        .map(|f| out.find(f).unwrap())
        .to_vec();
    assert!(places.is_sorted(), "{out}");
}

const SLT: &str = "# Orders of three stores.
statement ok
create table raw.orders (id, store, amount) as values (1, 'Seoul', 12.5), (2, 'Seoul', 20), (3, 'Busan', 8)

# A view and a table are computed from what is given.
query TIR rowsort
select store, orders, total from sales.stores
----
Seoul 2 32.50

query I
select count(*) from sales.large where amount is null
----
0

statement error there is no table
select * from raw.nothing

skipif segue
query I
select 1
----
2

statement ok
set now to '2024-03-01T00:00:00Z'

query T
select cast(now() as date)
----
2024-03-01
";

#[test]
fn scripts_ask_assets_by_their_names() {
    let project = shop();
    project.write("tests/shop.slt", SLT);
    project.writes_nothing(&["."], &["test"], 0);
    project.write("tests/shop.slt", &SLT.replace("Seoul 2 32.50", "Seoul 2 32.51"));
    let failed = project.segue(&["test"]).ended(9);
    assert!(
        failed.out.contains("FAILED tests/shop.slt") && failed.out.contains("line 6: query result mismatch"),
        "{}",
        failed.out
    );
    project.ok(&["test", "--update"]);
    assert_eq!(project.read("tests/shop.slt"), SLT);
    project.ok(&["test"]);
}

#[test]
fn scripts_allow_what_they_need_and_no_more() {
    let project = shop();
    let ended = |text: &str, code: i32| {
        project.write("tests/x.slt", text);
        project.segue(&["test"]).ended(code).text()
    };
    let told = ended(
        "statement ok\ncreate table raw.orders (id) as values (1)\n\nstatement ok\ninsert into raw.orders values (1)\n",
        9,
    );
    assert!(told.contains("`insert` is not a query"), "{told}");
    let told = ended("query I\nselect count(*) from sales.large\n----\n0\n", 9);
    assert!(told.contains("no rows of raw.orders are given"), "{told}");
    let told = ended(
        "statement ok\ncreate table raw.orders (id, stroe) as values (1, 'x')\n",
        9,
    );
    assert!(
        told.contains("`raw.orders` has no column `stroe`") && told.contains("did you mean `store`?"),
        "{told}"
    );
    let told = ended("system ok\ntouch hacked\n", 2);
    assert!(
        told.contains("error[SG0711]") && !project.file("hacked").exists(),
        "{told}"
    );
    let told = ended("statement ok\nselect 1\n\nqery I\n", 2);
    assert!(told.contains("tests/x.slt:4"), "{told}");
    let checked = project.segue(&["check"]).ended(2);
    assert!(checked.out.contains("error[SG0711]"), "{}", checked.out);
}

#[test]
fn a_new_project_has_a_test_that_passes() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    let done = project.ok(&["test"]);
    assert!(done.contains("1 passed"), "{done}");
    assert!(!project.file("lake").exists(), "a test makes no lake");
    let none = Project::with(&[("segue.yaml", "format: 1\nproject: p\n")]);
    assert!(none.ok(&["test"]).contains("there are no tests"));
}

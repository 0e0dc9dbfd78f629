//! Parameters, and what is told where something is wrong: with the plan, the status, the preview.

use super::*;

#[test]
fn a_word_is_what_the_parameter_says_it_is() {
    let project = house();
    project.write(
        "assets/sales/asked.sql",
        "/* asset: sales.asked\n   params: { city: { type: string }, id: { type: string, default: \"5\" }, least: { type: \"decimal(30,2)\", default: 0.1 } } */\nselect distinct $city as city, $id as id, $least as least from raw.sales\n",
    );
    // A required parameter is said where it is missing, and the other assets are told all the same.
    let all = value(&project, &["status"]);
    let asked = all
        .as_array()
        .into_iter()
        .flatten()
        .find(|s| s["name"] == "sales.asked");
    let asked = asked.expect("it is listed");
    assert_eq!(asked["state"], "blocked");
    assert!(
        asked["why"]
            .as_str()
            .is_some_and(|w| w.contains("needs the parameter `city`")),
        "{asked}"
    );
    let planned = project.ok(&["plan"]);
    assert!(
        planned.contains("needs the parameter `city`") && planned.contains("raw.sales"),
        "{planned}"
    );
    project.ok(&["run", "raw.sales"]);
    let given = [
        "--param",
        "city=1e5",
        "--param",
        "id=1234567890123456789012345",
        "--param",
        "least=12345678901234567890.1",
    ];
    project.ok(&[&["run", "sales.asked"][..], &given].concat());
    assert_eq!(
        rows(&project, "select city, id, least from sales.asked"),
        "1e5,1234567890123456789012345,12345678901234567890.10"
    );
    assert_eq!(
        value(&project, &[&["status", "sales.asked"][..], &given].concat())[0]["state"],
        "fresh"
    );
    // The default, written out, is the default.
    project.ok(&["run", "sales.asked", "--param", "city=x"]);
    let same = [
        "status",
        "sales.asked",
        "--param",
        "city=x",
        "--param",
        "id=5",
        "--param",
        "least=0.10",
    ];
    assert_eq!(value(&project, &same)[0]["state"], "fresh");
    project.segue(&["status", "--param", "nobody=1"]).ended(2);
    project
        .segue(&["preview", "sales.asked", "--param", "city=x", "--param", "nobody=1"])
        .ended(2);
}

#[test]
fn an_error_of_sql_names_the_file_and_the_line_in_it() {
    let project = house();
    project.write(
        "assets/sales/wrong.sql",
        "/* asset: sales.wrong\n   description: The function is not there. */\nselect city,\n  no_such_function(amount) as x\nfrom raw.sales\n",
    );
    project.ok(&["run", "raw.sales"]);
    let ran = project.segue(&["run", "sales.wrong"]).ended(2);
    assert!(ran.err.contains("file: assets/sales/wrong.sql"), "{}", ran.err);
    if let Some((_, at)) = ran.err.split_once("at: ") {
        assert!(at.starts_with("line 4, column 3"), "{}", ran.err);
    }
}

#[test]
fn a_preview_tells_what_it_leaves_out() {
    let project = house();
    project.write("data/some.csv", "id,n\n1,5\n2,many\n3,7\n");
    project.write(
        "assets/raw/some.yaml",
        "asset: raw.some\ncopy:\n  from: files\n  path: data/some.csv\n  columns: { id: { type: int64 }, n: { type: int64 } }\nwrite: { mode: replace, key: [id] }\n",
    );
    let shown = project.segue(&["preview", "raw.some"]).ok();
    assert!(shown.out.contains("(2 rows)"), "{}", shown.out);
    assert!(shown.err.contains("1 record would be set aside:"), "{}", shown.err);
    assert!(shown.err.contains("many"), "{}", shown.err);
}

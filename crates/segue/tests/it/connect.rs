//! The manifests that ship with the program: each written into a project, checked, and run from answers that are as their API's documentation has them.
//!
//! `connect/NAME/pages` are answers with at least two pages and what is odd about the API; `connect/NAME/trouble` is one that says that something is
//! wrong. They are records as `segue record` makes them, written by hand: small, and without anybody's data.

use crate::support::Project;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What a manifest's record comes to.
struct Case {
    api: &'static str,
    /// What is changed in the files, so that pages may be short: the file, what is there, what takes its place.
    edits: &'static [(&'static str, &'static str, &'static str)],
    /// Questions, and their answers as CSV.
    rows: &'static [(&'static str, &'static str)],
    /// The asset that is run where something is wrong, and what is then told.
    trouble: (&'static str, &'static str),
}

const CASES: &[Case] = &[
    Case {
        api: "github",
        edits: &[],
        rows: &[
            (
                "select number, title, state, author, comments, pull_request from github.issues order by number",
                "number,title,state,author,comments,pull_request\n\
                 1347,Found a bug,open,octocat,0,\n\
                 1348,Fix it,closed,hubot,2,https://github.com/octocat/Hello-World/pull/1348\n\
                 1349,\"에스파 & \"\"quotes\"\"\",open,,0,\n",
            ),
            (
                "select tag_name, draft, author from github.releases",
                "tag_name,draft,author\nv1.0.0,false,octocat\n",
            ),
        ],
        trouble: ("github.issues", "status 403"),
    },
    Case {
        api: "github_graphql",
        edits: &[],
        rows: &[(
            "select number, title, state, author, reviews, merged_at is null as unmerged from github_graphql.pull_requests order by number",
            "number,title,state,author,reviews,unmerged\n1,One,MERGED,octocat,1,false\n2,Two,OPEN,,2,true\n3,Three,CLOSED,hubot,3,true\n",
        )],
        trouble: ("github_graphql.pull_requests", "Could not resolve to a Repository"),
    },
    Case {
        api: "stripe",
        edits: &[],
        rows: &[
            (
                "select id, created, kind, amount, fee, net from stripe.balance_transactions order by created",
                "id,created,kind,amount,fee,net\n\
                 txn_1,1704067300,charge,400,42,358\n\
                 txn_2,1704067400,refund,-400,0,-400\n\
                 txn_3,1704067500,charge,1000,59,941\n",
            ),
            (
                "select id, email, balance, delinquent from stripe.customers order by id",
                "id,email,balance,delinquent\ncus_1,,-500,true\ncus_2,jenny@example.com,0,false\n",
            ),
        ],
        trouble: ("stripe.customers", "status 429"),
    },
    Case {
        api: "hubspot",
        edits: &[],
        rows: &[
            (
                "select id, email, first_name, last_name, stage from hubspot.contacts order by id",
                "id,email,first_name,last_name,stage\n1,maria@example.com,Maria,Johnson,lead\n51,,Brian,,customer\n",
            ),
            (
                "select id, name, amount from hubspot.deals order by id",
                "id,name,amount\n10,Deal 10,\n9,Deal 9,1500.00\n",
            ),
        ],
        trouble: ("hubspot.contacts", "status 429"),
    },
    Case {
        api: "jira",
        edits: &[],
        rows: &[
            (
                "select issue_key, summary, status, assignee, updated from jira.issues order by id",
                "issue_key,summary,status,assignee,updated\n\
                 EX-1,Main order flow broken,To Do,Mia Krystof,2024-01-01T09:30:00.000+0900\n\
                 EX-2,Order entry fails,To Do,,2024-01-02T09:30:00.000+0900\n",
            ),
            (
                "select project_key from jira.projects order by id",
                "project_key\nEX\nABC\nXYZ\n",
            ),
        ],
        trouble: ("jira.issues", "does not exist for the field 'project'"),
    },
    Case {
        api: "musicbrainz",
        edits: &[],
        rows: &[(
            "select title, primary_type, length(first_release) as letters from musicbrainz.release_groups order by title",
            "title,primary_type,letters\nCreep,Single,4\nOK Computer,Album,10\nUntitled,,0\n",
        )],
        trouble: ("musicbrainz.release_groups", "status 503"),
    },
    Case {
        api: "nyc_open_data",
        edits: &[("assets/nyc_open_data/complaints.yaml", "limit: 1000", "limit: 2")],
        rows: &[(
            "select unique_key, agency, complaint_type, borough, latitude from nyc_open_data.complaints order by unique_key",
            "unique_key,agency,complaint_type,borough,latitude\n\
             1,NYPD,\"Noise, loud\",BROOKLYN,40.7\n\
             2,DSNY,\"Says \"\"help\"\"\",QUEENS,\n\
             3,HPD,HEAT/HOT WATER,BRONX,40.8\n",
        )],
        trouble: ("nyc_open_data.complaints", "No such column: created_date"),
    },
    Case {
        api: "slack",
        edits: &[],
        rows: &[
            (
                "select id, name, is_member, num_members from slack.channels order by id",
                "id,name,is_member,num_members\nC012AB3CD,general,true,4\nC061EG9T2,random,false,2\nC0GONE,gone,true,1\n",
            ),
            (
                "select channel, ts, author, kind, reply_count from slack.messages order by ts",
                "channel,ts,author,kind,reply_count\n\
                 C012AB3CD,1512085950.000216,U123ABC456,,2\n\
                 C012AB3CD,1512104434.000490,,bot_message,\n",
            ),
        ],
        trouble: ("slack.channels", "invalid_auth"),
    },
    Case {
        api: "usgs",
        edits: &[],
        rows: &[(
            "select id, cast(magnitude * 10 as bigint) as tenths, place, time_ms, depth_km from usgs.earthquakes order by id",
            "id,tenths,place,time_ms,depth_km\n\
             us1,46,10 km N of Somewhere,1767268800000,4.4\n\
             us2,50,South of Nowhere,1767272400000,\n\
             us3,71,Off the coast,1769904000000,33.25\n",
        )],
        trouble: ("usgs.earthquakes", "exceeds search limit of 20000"),
    },
    Case {
        api: "wikipedia",
        edits: &[],
        rows: &[(
            "select rcid, kind, title, editor, old_length from wikipedia.recent_changes order by rcid",
            "rcid,kind,title,editor,old_length\n1,edit,Histology,Iztwoz,25718\n2,new,에스파,Somebody,0\n3,edit,Hidden,,25718\n",
        )],
        trouble: ("wikipedia.recent_changes", "badtimestamp"),
    },
    Case {
        api: "world_bank",
        edits: &[],
        rows: &[(
            "select indicator, country_id, iso3, year, cast(amount as bigint) as amount from world_bank.indicators order by country_id",
            "indicator,country_id,iso3,year,amount\n\
             SP.POP.TOTL,DE,DEU,2023,83280000\n\
             SP.POP.TOTL,KR,KOR,2023,51712619\n\
             SP.POP.TOTL,ZH,AFE,2023,\n",
        )],
        trouble: ("world_bank.indicators", "The provided parameter value is not valid"),
    },
];

fn record(api: &str, kind: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/connect")
        .join(api)
        .join(kind)
}

fn project(case: &Case) -> Project {
    let mut project = Project::with(&[("segue.yaml", "format: 1\nproject: shipped\n")]);
    project.set("JIRA_EMAIL", "mia@example.com");
    project.ok(&["connect", case.api]);
    for (file, from, to) in case.edits {
        project.edit(file, from, to);
    }
    project
}

/// The names of everything that ships.
fn shipped() -> BTreeSet<String> {
    let project = Project::empty();
    let told = project.ok(&["--json", "connect", "--list"]);
    let all: Vec<serde_json::Value> = serde_json::from_str(told.trim()).expect("JSON");
    let name = |api: &serde_json::Value| api["name"].as_str().expect("a name").to_string();
    all.iter().map(name).collect()
}

#[test]
fn every_manifest_that_ships_has_a_record_of_its_api() {
    let cases: BTreeSet<String> = CASES.iter().map(|case| case.api.to_string()).collect();
    assert_eq!(
        shipped(),
        cases,
        "a manifest without a case, or a case without a manifest"
    );
    assert!(cases.len() >= 8);
    for case in CASES {
        for kind in ["pages", "trouble"] {
            let folder = record(case.api, kind);
            assert!(folder.join("recorded.json").is_file(), "{}", folder.display());
        }
        let answers = std::fs::read_dir(record(case.api, "pages").join(case.api))
            .expect("a folder")
            .count();
        assert!(answers >= 2, "{} has one page", case.api);
    }
}

#[test]
fn every_manifest_is_written_checked_and_run_from_its_record() {
    for case in CASES {
        let project = project(case);
        assert_eq!(project.segue(&["check"]).code, Some(0), "{}", case.api);
        let pages = record(case.api, "pages");
        let done = project.segue(&["run", "--replay", pages.to_str().expect("a path")]);
        assert_eq!(done.code, Some(0), "{}\n{}", case.api, done.text());
        for (question, answer) in case.rows {
            assert_eq!(project.sql(question), *answer, "{}", case.api);
        }
        let aside = project.ok(&["--json", "quarantine", "list"]);
        assert_eq!(aside.trim(), "", "{}: rows were set aside", case.api);
    }
}

#[test]
fn what_each_api_says_when_something_is_wrong_ends_the_run_and_is_told() {
    for case in CASES {
        let project = project(case);
        let (asset, told) = case.trouble;
        let folder = record(case.api, "trouble");
        let done = project.segue(&["run", "--replay", folder.to_str().expect("a path"), asset]);
        assert_ne!(done.code, Some(0), "{}\n{}", case.api, done.text());
        assert!(done.text().contains(told), "{}\n{}", case.api, done.text());
        assert!(
            !project
                .file("lake")
                .join(asset.replace('.', "/"))
                .join("_delta_log")
                .exists(),
            "{}",
            case.api
        );
    }
}

#[test]
fn connecting_says_what_is_needed_and_writes_nothing_over() {
    let project = Project::with(&[("segue.yaml", "format: 1\nproject: shipped\n")]);
    let told = project.ok(&["connect", "github"]);
    for line in [
        "  connections/github.yaml",
        "  assets/github/issues.yaml",
        "GITHUB_TOKEN: a secret",
        "GITHUB_OWNER: octocat",
    ] {
        assert!(told.contains(line), "{told}");
    }
    assert!(
        project
            .read("assets/github/issues.yaml")
            .starts_with("# https://docs.github.com/")
    );
    project.write(
        "assets/github/issues.yaml",
        "asset: github.issues\ncopy: { from: github, request: { get: /x }, records: $ }\n",
    );
    let again = project.segue(&["connect", "github"]).ok();
    assert!(
        again
            .err
            .contains("assets/github/issues.yaml is there, and was left as it is"),
        "{}",
        again.err
    );
    assert!(project.read("assets/github/issues.yaml").contains("get: /x"));
    let list = project.ok(&["connect", "--list"]);
    assert!(
        list.contains("github") && list.contains("stripe.balance_transactions"),
        "{list}"
    );
}

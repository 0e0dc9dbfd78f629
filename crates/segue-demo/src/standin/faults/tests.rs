use super::*;
use insta::assert_snapshot;

fn read(text: &str) -> String {
    match Fault::parse(text) {
        Ok(faults) => faults
            .iter()
            .map(|f| f.to_json().to_string())
            .collect::<Vec<_>>()
            .join(" "),
        Err(e) => format!("{} ({})", e.message(), e.hint_text().unwrap_or_default()),
    }
}

#[test]
fn faults_are_written_shortly() {
    let texts = [
        "slow",
        "slow=7",
        "slow=0.25,ms:20",
        "server_error=every:3,status:502,path:search,after:10,times:2",
        "blocked_account=after:100",
        "blocked_path",
        "forbidden=path:artists",
        "short_token=seconds:5",
        "transient=0.05",
    ];
    assert_snapshot!(texts.map(|t| format!("{t}\n  {}", read(t))).join("\n"), @r#"
    slow
      {"name":"slow","chance":0.1}
    slow=7
      {"name":"slow","every":7}
    slow=0.25,ms:20
      {"name":"slow","chance":0.25,"ms":20}
    server_error=every:3,status:502,path:search,after:10,times:2
      {"name":"server_error","every":3,"path":"search","after":10,"times":2,"status":502}
    blocked_account=after:100
      {"name":"blocked_account","after":100}
    blocked_path
      {"name":"blocked_path","path":"top_tracks"}
    forbidden=path:artists
      {"name":"forbidden","path":"artists"}
    short_token=seconds:5
      {"name":"short_token","chance":1.0,"seconds":5}
    transient=0.05
      {"name":"rate_limit_seconds","chance":0.05} {"name":"rate_limit_date","chance":0.05} {"name":"expired_token","chance":0.05} {"name":"server_error","chance":0.05} {"name":"cut_body","chance":0.05} {"name":"truncated_json","chance":0.05} {"name":"not_json","chance":0.05} {"name":"slow","chance":0.05} {"name":"duplicated_page","chance":0.05}
    "#);
}

#[test]
fn what_is_wrong_with_a_fault_is_said() {
    let texts = [
        "",
        "slw",
        "lightning",
        "slow=soon",
        "slow=every:0",
        "slow=chance:1.5",
        "slow=chance:NaN",
        "slow=every:2,chance:0.5",
        "slow=evry:2",
        "slow=status:500",
        "slow=ms:99999999",
        "slow=path:serch",
        "server_error=status:404",
        "blocked_account=every:2",
        "blocked_account=path:search",
        "blocked_account=seconds:99999999999",
        "duplicated_page=path:token",
        "slow=every:-1",
        "slow=every:18446744073709551616",
    ];
    assert_snapshot!(texts.map(|t| format!("{t}\n  {}", read(t))).join("\n"), @"

      the stand-in has no fault `` (the faults are rate_limit_seconds, rate_limit_date, blocked_account, blocked_path, expired_token, short_token, server_error, cut_body, truncated_json, slow, wrong_type, duplicated_page, forbidden, not_json, outage, error_in_body, lying_retry_after, and `transient` for all that a retry mends)
    slw
      the stand-in has no fault `slw` (did you mean `slow`?)
    lightning
      the stand-in has no fault `lightning` (the faults are rate_limit_seconds, rate_limit_date, blocked_account, blocked_path, expired_token, short_token, server_error, cut_body, truncated_json, slow, wrong_type, duplicated_page, forbidden, not_json, outage, error_in_body, lying_retry_after, and `transient` for all that a retry mends)
    slow=soon
      `soon` is no number for `every` (write digits, as in `slow=every:5,ms:20`)
    slow=every:0
      `every` of `slow` is 0 (write 1 for each request)
    slow=chance:1.5
      `chance` of `slow` is 1.5 (write a number from 0 to 1)
    slow=chance:NaN
      `chance` of `slow` is NaN (write a number from 0 to 1)
    slow=every:2,chance:0.5
      `slow` has both `every` and `chance` (keep one of them)
    slow=evry:2
      a fault has no setting `evry` (did you mean `every`?)
    slow=status:500
      the fault `slow` has no setting `status` (leave it out)
    slow=ms:99999999
      `slow` waits longer than a year, or is slower than ten minutes (write less)
    slow=path:serch
      there is no class of paths `serch` (did you mean `search`?)
    server_error=status:404
      `status` of `server_error` is no server error (write a number from 500 to 599)
    blocked_account=every:2
      the fault `blocked_account` has no setting `every` (leave it out)
    blocked_account=path:search
      the fault `blocked_account` has no setting `path` (leave it out)
    blocked_account=seconds:99999999999
      `blocked_account` waits longer than a year, or is slower than ten minutes (write less)
    duplicated_page=path:token
      `duplicated_page` cannot be aimed at `token` (aim it at another class of paths)
    slow=every:-1
      `-1` is no number for `every` (write digits, as in `slow=every:5,ms:20`)
    slow=every:18446744073709551616
      `18446744073709551616` is no number for `every` (write digits, as in `slow=every:5,ms:20`)
    ");
}

#[test]
fn a_fault_comes_back_from_json() {
    for kind in FaultKind::ALL {
        let mut faults = vec![Fault::of(kind), Fault::of(kind).after(3)];
        if kind.takes("every") {
            faults.extend([Fault::of(kind).every(4).times(2), Fault::of(kind).chance(0.5)]);
        }
        if kind.takes("seconds") {
            faults.push(Fault::of(kind).seconds(9));
        }
        for fault in faults {
            let back = Fault::of_json(&fault.to_json()).unwrap();
            assert_eq!(back.len(), 1);
            assert_eq!(back[0].to_json(), fault.to_json());
        }
        assert_eq!(kind.name().parse::<FaultKind>().unwrap(), kind);
    }
}

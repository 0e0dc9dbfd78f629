use super::with;
use insta::assert_snapshot;

#[test]
fn shapes() {
    assert_snapshot!(with("assets/x.yaml", "asset: raw.x\nownr: me\ncopy: { from: api, reqest: { get: /x }, records: $.x }\nfresh: 10\ntags: a\ndescription: 3\n"), @r#"
    SG0107 assets/x.yaml:2 `ownr`: there is no key `ownr` here — did you mean `owner`?
    SG0107 assets/x.yaml:3 `reqest`: `copy` has no key `reqest` — did you mean `request`?
    SG0109 assets/x.yaml:4 `10`: `fresh` wants a duration such as `1d`, not the number 10
    SG0109 assets/x.yaml:5 `a`: `tags` wants a list, not the text `a`
    SG0109 assets/x.yaml:6 `3`: `description` wants text, not the number 3 — if it is text, quote it: "3"
    "#);
}

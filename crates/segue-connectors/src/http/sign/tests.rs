//! Against published vectors: RFC 4231, and the suite that AWS publishes for Signature Version 4.

use super::*;

#[test]
fn hmac_is_that_of_rfc_4231() {
    let of = |algorithm, key: &[u8], text: &[u8]| hex(&hmac(algorithm, key, text).unwrap());
    assert_eq!(
        of(Algorithm::Sha256, &[0x0b; 20], b"Hi There"),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    );
    assert_eq!(
        of(Algorithm::Sha256, b"Jefe", b"what do ya want for nothing?"),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    assert_eq!(
        of(
            Algorithm::Sha256,
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First"
        ),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
    assert_eq!(
        of(Algorithm::Sha512, &[0x0b; 20], b"Hi There"),
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
    );
}

fn suite() -> SigV4 {
    SigV4 {
        region: "us-east-1".into(),
        service: "service".into(),
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: None,
    }
}

fn signature(signer: &SigV4, method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: Vec<_> = headers.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let url = Url::parse(url).unwrap();
    let request = Signed {
        method: &method,
        url: &url,
        headers: &headers,
        body: body.as_bytes(),
        at: "2015-08-30T12:36:00Z".parse().unwrap(),
    };
    let sent = signer.sign(&request).unwrap();
    assert_eq!(
        (sent[1].0.as_str(), sent[1].1.reveal()),
        ("x-amz-date", "20150830T123600Z")
    );
    let authorization = sent[0].1.reveal();
    authorization.rsplit_once("Signature=").unwrap().1.to_string()
}

#[test]
fn signature_version_4_is_that_of_the_published_suite() {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    // Its name, the request with its headers and body, and the signature.
    type Case<'a> = (&'a str, Method, &'a str, &'a [(&'a str, &'a str)], &'a str, &'a str);
    let all: [Case<'_>; 7] = [
        (
            "get-vanilla",
            Method::GET,
            "https://example.amazonaws.com/",
            &[],
            "",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "get-vanilla-query-order-key-case",
            Method::GET,
            "https://example.amazonaws.com/?Param2=value2&Param1=value1",
            &[],
            "",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "get-vanilla-empty-query-key",
            Method::GET,
            "https://example.amazonaws.com/?Param1=value1",
            &[],
            "",
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        ),
        (
            "get-unreserved",
            Method::GET,
            "https://example.amazonaws.com/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            &[],
            "",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        (
            "post-vanilla",
            Method::POST,
            "https://example.amazonaws.com/",
            &[],
            "",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "post-x-www-form-urlencoded",
            Method::POST,
            "https://example.amazonaws.com/",
            &form,
            "Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            "get-header-value-trim",
            Method::GET,
            "https://example.amazonaws.com/",
            &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
            "",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
    ];
    for (name, method, url, headers, body, wanted) in all {
        assert_eq!(signature(&suite(), method, url, headers, body), wanted, "{name}");
    }
    // get-utf8 and get-space begin with a path that is not encoded yet; one that is, is encoded once more, but for S3.
    assert_eq!(canonical_path("/ሴ", false), "/%E1%88%B4");
    assert_eq!(canonical_path("/example space/", false), "/example%20space/");
    assert_eq!(canonical_path("/a%20b", false), "/a%2520b");
    assert_eq!(canonical_path("/a%20b", true), "/a%20b");
    // The worked example of the documentation.
    let iam = SigV4 {
        service: "iam".into(),
        ..suite()
    };
    let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    let url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08";
    assert_eq!(
        signature(&iam, Method::GET, url, &headers, ""),
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    );
}

#[test]
fn what_comes_with_a_key_for_a_short_time_is_signed_and_sent() {
    let signer = SigV4 {
        service: "s3".into(),
        session_token: Some(Secret::new("session-token")),
        ..suite()
    };
    let url = Url::parse("http://127.0.0.1:9000/a%20b/c").unwrap();
    let request = Signed {
        method: &Method::GET,
        url: &url,
        headers: &[],
        body: b"",
        at: "2015-08-30T12:36:00Z".parse().unwrap(),
    };
    let sent = signer.sign(&request).unwrap();
    let names: Vec<&str> = sent.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "authorization",
            "x-amz-date",
            "x-amz-content-sha256",
            "x-amz-security-token"
        ]
    );
    let authorization = sent[0].1.reveal();
    assert!(
        authorization.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"),
        "{authorization}"
    );
    assert_eq!(format!("{sent:?}").matches("session-token").count(), 0);
}

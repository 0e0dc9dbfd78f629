//! Against the examples of RFC 5849.

use super::*;
use url::Url;

fn signer(method: Method) -> Oauth1 {
    Oauth1 {
        consumer_key: "dpf43f3p2l4k3l03".into(),
        consumer_secret: Secret::new("kd94hf93k423kf44"),
        token: Some((Secret::new("nnch734d00sl2jdk"), Secret::new("pfkkdhi9sl3r4s00"))),
        method,
        realm: None,
    }
}

fn example<'a>(url: &'a Url, headers: &'a [(String, String)], body: &'a [u8], post: &'a reqwest::Method) -> Signed<'a> {
    Signed {
        method: post,
        url,
        headers,
        body,
        at: "1974-05-07T00:00:01Z".parse().unwrap(),
    }
}

#[test]
fn the_base_string_is_that_of_section_3_4_1() {
    let url = Url::parse("http://EXAMPLE.com:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b").unwrap();
    let form = [(
        "Content-Type".to_string(),
        "application/x-www-form-urlencoded; charset=UTF-8".to_string(),
    )];
    let post = reqwest::Method::POST;
    let own = [
        ("oauth_consumer_key", "9djdj82h48djs9d2".to_string()),
        ("oauth_token", "kkk9d7dh3k39sjv7".to_string()),
        ("oauth_signature_method", "HMAC-SHA1".to_string()),
        ("oauth_timestamp", "137131201".to_string()),
        ("oauth_nonce", "7d8f3e4a".to_string()),
    ];
    let text = base_string(&example(&url, &form, b"c2&a3=2+q", &post), &own);
    assert_eq!(
        text,
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26\
         oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26\
         oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    );
    // The signature of the example is that of erratum 2550.
    let signer = Oauth1 {
        consumer_secret: Secret::new("j49sk3j29djd"),
        token: Some((Secret::new("kkk9d7dh3k39sjv7"), Secret::new("dh893hdasih9"))),
        ..signer(Method::HmacSha1)
    };
    assert_eq!(signer.signature(&text).unwrap(), "r6/TJjbCOr97/+UU0NsvSne7s5g=");
    // A body that is no form is not signed.
    let text = base_string(&example(&url, &[], b"c2&a3=2+q", &post), &own);
    assert!(!text.contains("c2"), "{text}");
}

#[test]
fn the_signature_is_that_of_section_1_2() {
    let text = "GET&http%3A%2F%2Fphotos.example.net%2Fphotos&file%3Dvacation.jpg%26oauth_consumer_key%3Ddpf43f3p2l4k3l03%26\
                oauth_nonce%3DchapoH%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131202%26\
                oauth_token%3Dnnch734d00sl2jdk%26size%3Doriginal";
    assert_eq!(
        signer(Method::HmacSha1).signature(text).unwrap(),
        "MdpQcU8iPSUjWoN/UDMsK2sui9I="
    );
    assert_eq!(
        signer(Method::HmacSha256).signature(text).unwrap(),
        "7NYnfiUN//Gcjb9IY6/4CCsThBHtV2M8qinB+HZr4js="
    );
}

#[test]
fn what_is_sent_is_what_was_signed() {
    let url = Url::parse("https://photos.example.net/photos?file=vacation.jpg&size=original").unwrap();
    let get = reqwest::Method::GET;
    let signer = Oauth1 {
        realm: Some("Photos \"1\"".into()),
        ..signer(Method::HmacSha1)
    };
    let sent = signer.sign(&example(&url, &[], b"", &get), "chapoH").unwrap();
    assert_eq!((sent.len(), sent[0].name.as_str()), (1, "authorization"));
    let header = sent[0].value.reveal();
    let rest = header
        .strip_prefix(
            "OAuth realm=\"Photos \\\"1\\\"\", oauth_consumer_key=\"dpf43f3p2l4k3l03\", oauth_nonce=\"chapoH\", oauth_signature_method=\"HMAC-SHA1\", \
             oauth_timestamp=\"137116801\", oauth_token=\"nnch734d00sl2jdk\", oauth_version=\"1.0\", oauth_signature=\"",
        )
        .unwrap_or_else(|| panic!("{header}"));
    assert!(
        rest.ends_with("%3D\"") && !rest.contains('+') && !rest.contains('/'),
        "{header}"
    );
    assert_eq!(signer.secrets().len(), 3);
}

use super::*;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

/// A key that was made for these tests, and opens nothing.
pub(crate) const KEY: &str = include_str!("key-of-tests.pem");

/// The claims of a statement that this key has signed.
pub(crate) fn claims(assertion: &str) -> Value {
    let (text, signature) = assertion.rsplit_once('.').unwrap();
    let public = Key::read(Secret::new(KEY)).unwrap().0.public_key().as_ref().to_vec();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
    key.verify(text.as_bytes(), &signature).unwrap();
    let (header, claims) = text.split_once('.').unwrap();
    let part = |text: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    assert_eq!(
        (&part(header)["alg"], &part(header)["typ"]),
        (&"RS256".into(), &"JWT".into())
    );
    part(claims)
}

#[test]
fn what_is_stated_is_signed() {
    let key = Key::read(Secret::new(KEY.replace('\n', "\\n"))).unwrap();
    let jwt = Jwt {
        subject: Some("ada@example.com".into()),
        scopes: vec!["read".into(), "all".into()],
        ..Jwt::new(key, "robot".into(), "https://h/token".into())
    };
    let said = jwt.assertion("2026-11-01T12:00:00Z".parse().unwrap()).unwrap();
    let wanted = serde_json::json!({
        "iss": "robot", "aud": "https://h/token", "iat": 1_793_534_400, "exp": 1_793_538_000, "sub": "ada@example.com", "scope": "read all",
    });
    assert_eq!(claims(said.reveal()), wanted);
    assert!(!format!("{jwt:?}").contains("BEGIN"));
}

#[test]
fn what_is_no_key_is_not_shown() {
    for text in [
        "hush-hush",
        "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\naGk=\n",
    ] {
        let error = Key::read(Secret::new(text)).err().unwrap();
        assert!(!error.to_text().contains("hush"), "{}", error.to_text());
    }
}

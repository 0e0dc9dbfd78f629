//! What connection files may say.

use super::{Bed, shown, whole};
use crate::stores::settings::{max_object, timeout, tries};
use serde_json::{Value, json};

fn told(kind: &str, settings: Value) -> String {
    match Bed::new().open(kind, settings) {
        Ok(_) => "fine".into(),
        Err(error) => {
            assert!(!whole(&error).contains("hunter2"), "{}", whole(&error));
            format!("{} ({})", shown(&error), error.hint_text().unwrap_or("-"))
        }
    }
}

#[test]
fn constants_are_what_they_say() {
    assert_eq!(max_object().bytes(), 10 << 30);
    assert_eq!(timeout().get().as_secs(), 30);
    assert_eq!(tries(), 5);
}

#[test]
fn exactly_one_way_of_asking_is_said() {
    let s3 = |more: Value| {
        let mut settings = json!({ "bucket": "shop" });
        settings
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        told("s3", settings)
    };
    assert!(s3(json!({})).contains("SG0333"));
    assert!(s3(json!({ "access_key_id": "a" })).contains("belong together"));
    assert!(s3(json!({ "session_token": "hunter2", "anonymous": true })).contains("belong together"));
    assert!(
        s3(json!({ "access_key_id": "a", "secret_access_key": "hunter2", "anonymous": true })).contains("several ways")
    );
    assert_eq!(
        s3(json!({ "access_key_id": "a", "secret_access_key": "hunter2" })),
        "fine"
    );
    assert_eq!(s3(json!({ "anonymous": true })), "fine");
    assert_eq!(s3(json!({ "instance_role": true })), "fine");
    assert!(told("gcs", json!({ "bucket": "shop" })).contains("does not say who asks"));
    let key = told(
        "gcs",
        json!({ "bucket": "shop", "service_account": "{\"private_key\": \"hunter2\"}" }),
    );
    assert!(key.contains("the key of the service account cannot be used"), "{key}");
    let azure = json!({ "account": "acme", "container": "shop" });
    assert!(told("azure", azure.clone()).contains("does not say who asks"));
    let mut both = azure.clone();
    (both["access_key"], both["sas"]) = (json!("aHVudGVyMg=="), json!("sv=1&sig=hunter2"));
    assert!(told("azure", both).contains("several ways"));
    let mut sas = azure;
    sas["sas"] = json!("hunter2");
    assert!(told("azure", sas).contains("`sas` holds no signature"));
}

#[test]
fn a_server_elsewhere_is_not_asked_in_the_clear_by_mistake() {
    let at = |endpoint: &str, allow: bool| {
        told(
            "s3",
            json!({ "bucket": "shop", "anonymous": true, "endpoint": endpoint, "allow_http": allow }),
        )
    };
    for fine in ["http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000"] {
        assert_eq!(at(fine, false), "fine", "{fine}");
    }
    assert!(at("http://minio.example.com:9000", false).contains("in the clear"));
    assert!(at("http://localhost.example.com", false).contains("in the clear"));
    assert_eq!(at("http://minio.example.com:9000", true), "fine");
    for bad in [
        "minio.example.com",
        "ftp://minio",
        "https://u:hunter2@minio",
        "https://minio?x=hunter2",
        "https://minio/#a",
    ] {
        assert!(at(bad, true).starts_with("invalid[SG0333]"), "{bad}: {}", at(bad, true));
    }
}

#[test]
fn a_prefix_is_a_folder() {
    let at = |prefix: &str| told("s3", json!({ "bucket": "shop", "anonymous": true, "prefix": prefix }));
    for fine in ["", "/", "a", "/a/b/", "a b/c"] {
        assert_eq!(at(fine), "fine", "{fine}");
    }
    for bad in ["a//b", "../a", "a/./b", "a/.."] {
        assert!(at(bad).contains("is no folder"), "{bad}");
    }
}

#[test]
fn secrets_are_told_from_other_settings() {
    for (kind, keys) in [
        ("s3", &["secret_access_key", "session_token"][..]),
        ("gcs", &["service_account"]),
        ("azure", &["access_key", "sas"]),
        ("hdfs", &["delegation_token"]),
    ] {
        let schema = (super::connector(kind).connection_schema)();
        for key in keys {
            assert_eq!(schema["properties"][key]["x-secret"], json!(true), "{kind}.{key}");
        }
    }
}

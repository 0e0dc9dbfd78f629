//! Objects behind the listing and reading of S3, Google Cloud Storage (which lists as S3 does) and Azure.

use md5::{Digest, Md5};
use parking_lot::Mutex;
use segue_testkit::http::{Asked, Reply, Server};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Objects by their keys.
#[derive(Clone, Default)]
pub(in crate::stores) struct Shelf(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

/// When everything here was written.
const WHEN: &str = "Mon, 30 Nov 2026 08:00:00 GMT";
/// How many keys a page of a listing has.
const PAGE: usize = 3;

impl Shelf {
    pub fn with(objects: &[(&str, &str)]) -> Shelf {
        let shelf = Shelf::default();
        objects.iter().for_each(|(key, text)| shelf.put(key, text));
        shelf
    }

    pub fn put(&self, key: &str, text: &str) {
        self.0.lock().insert(key.into(), text.as_bytes().to_vec());
    }

    /// A server of it; `fault` may answer in its place.
    pub async fn serve(
        &self,
        kind: &'static str,
        fault: impl Fn(&Asked, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Server {
        let shelf = self.clone();
        Server::start(move |asked, before| fault(asked, before).unwrap_or_else(|| shelf.answer(kind, asked))).await
    }

    pub fn answer(&self, kind: &str, asked: &Asked) -> Reply {
        let path = decoded(&asked.path);
        let Some(rest) = path.strip_prefix("/shop") else {
            return refused(
                404,
                if kind == "azure" {
                    "ContainerNotFound"
                } else {
                    "NoSuchBucket"
                },
            );
        };
        let mut reply = match rest.strip_prefix('/').filter(|key| !key.is_empty()) {
            None => self.list(kind, asked),
            Some(key) => self.get(kind, asked, key),
        };
        if asked.method == "HEAD" {
            reply.body.clear();
        }
        reply
    }

    fn list(&self, kind: &str, asked: &Asked) -> Reply {
        let param = |name: &str| decoded(&asked.param(name).unwrap_or_default().replace('+', " "));
        let (prefix, delimiter) = (param("prefix"), param("delimiter"));
        let token = param(if kind == "azure" {
            "marker"
        } else {
            "continuation-token"
        });
        let (mut contents, mut folders, mut next) = (String::new(), Vec::new(), String::new());
        let mut left = PAGE;
        for (key, bytes) in self.0.lock().range(token..) {
            let Some(behind) = key.strip_prefix(&prefix) else {
                continue;
            };
            if left == 0 {
                next = key.clone();
                break;
            }
            if let (false, Some(at)) = (delimiter.is_empty(), behind.find('/')) {
                let folder = format!("{prefix}{}", &behind[..=at]);
                if !folders.contains(&folder) {
                    folders.push(folder);
                }
                continue;
            }
            left -= 1;
            let (name, tag, size) = (escaped(key), tag(kind, bytes), bytes.len());
            contents += &match kind {
                "azure" => format!(
                    "<Blob><Name>{name}</Name><Properties><Last-Modified>{WHEN}</Last-Modified><Etag>{}</Etag><Content-Length>{size}</Content-Length><Content-Type>text/csv</Content-Type></Properties></Blob>",
                    tag.trim_matches('"')
                ),
                _ => format!(
                    "<Contents><Key>{name}</Key><LastModified>2026-11-30T08:00:00.000Z</LastModified><ETag>{}</ETag><Size>{size}</Size></Contents>",
                    escaped(&tag)
                ),
            };
        }
        let folders: String = folders
            .iter()
            .map(|folder| match kind {
                "azure" => format!("<BlobPrefix><Name>{}</Name></BlobPrefix>", escaped(folder)),
                _ => format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(folder)),
            })
            .collect();
        let next = match (kind, next.as_str()) {
            ("azure", next) => format!("<NextMarker>{}</NextMarker>", escaped(next)),
            (_, "") => String::new(),
            (_, next) => format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(next)),
        };
        let xml = match kind {
            "azure" => format!("<EnumerationResults><Blobs>{contents}{folders}</Blobs>{next}</EnumerationResults>"),
            _ => format!("<ListBucketResult>{contents}{folders}{next}</ListBucketResult>"),
        };
        Reply::status(200, &format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>{xml}"))
    }

    fn get(&self, kind: &str, asked: &Asked, key: &str) -> Reply {
        let objects = self.0.lock();
        let Some(bytes) = objects.get(key) else {
            return refused(404, if kind == "azure" { "BlobNotFound" } else { "NoSuchKey" });
        };
        let tag = tag(kind, bytes);
        if asked.header("if-match").is_some_and(|wanted| wanted != tag) {
            return refused(412, "PreconditionFailed");
        }
        let from: usize = asked
            .header("range")
            .and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse().ok())
            .unwrap_or(0);
        let mut reply = Reply::status(if from > 0 { 206 } else { 200 }, "")
            .header("etag", &tag)
            .header("last-modified", WHEN);
        if from > 0 {
            let (last, size) = (bytes.len() - 1, bytes.len());
            reply = reply.header("content-range", format!("bytes {from}-{last}/{size}"));
        } else {
            reply = match kind {
                "azure" => reply.header("content-md5", sum(bytes)),
                "gcs" => reply.header("x-goog-hash", format!("crc32c=AAAAAA==,md5={}", sum(bytes))),
                _ => reply,
            };
        }
        match asked.method.as_str() {
            "HEAD" => reply.length = Some(bytes.len()),
            _ => reply.body = bytes[from..].to_vec(),
        }
        reply
    }
}

/// What a store answers that refuses.
pub(in crate::stores) fn refused(status: u16, code: &str) -> Reply {
    let xml = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no, says the store\nRequestId:1</Message><StringToSign>a secret thing</StringToSign></Error>"
    );
    Reply::status(status, &xml)
}

fn tag(kind: &str, bytes: &[u8]) -> String {
    let digest: String = Md5::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    match kind {
        "azure" => format!("\"0x8D{}\"", &digest[..12].to_uppercase()),
        _ => format!("\"{digest}\""),
    }
}

fn sum(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(Md5::digest(bytes))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = hex.and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap()
}

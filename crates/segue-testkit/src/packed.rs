//! Files that are packed, as other programs pack them.

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use std::io::Write;

/// A gzip of these bytes.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// A zip of these files, packed where `packed`.
pub fn zip(files: &[(&str, &[u8])], packed: bool) -> Vec<u8> {
    let (mut bytes, mut list) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let data = match packed {
            true => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(content).expect("memory takes it");
                encoder.finish().expect("memory takes it")
            }
            false => content.to_vec(),
        };
        let method = if packed { 8u16 } else { 0 };
        let mut common = Vec::new();
        for short in [20, 0, method, 0, 0] {
            common.extend(short.to_le_bytes());
        }
        for long in [crc.sum(), data.len() as u32, content.len() as u32] {
            common.extend(long.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend(0u16.to_le_bytes());
        let begin = bytes.len() as u32;
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(name.as_bytes());
        bytes.extend(&data);
        list.extend(b"PK\x01\x02\x14\x00");
        list.extend(&common);
        list.extend([0; 10]);
        list.extend(begin.to_le_bytes());
        list.extend(name.as_bytes());
    }
    let begin = bytes.len() as u32;
    bytes.extend(&list);
    bytes.extend(b"PK\x05\x06\x00\x00\x00\x00");
    bytes.extend([(files.len() as u16).to_le_bytes(); 2].concat());
    bytes.extend((list.len() as u32).to_le_bytes());
    bytes.extend(begin.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

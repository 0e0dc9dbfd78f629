//! `cargo xtask proof s3` and `cargo xtask proof hdfs`: the tests of places for files, against the servers themselves.
//!
//! Both are had from packages: MinIO is built from the Go registry, Hadoop comes from the Java registry. They listen on the loopback alone, keep what they
//! hold below the build's folder, and end with the proof.

use crate::process::{self, Failure};
use crate::{repository, setup};
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The version of MinIO.
const MINIO: &str = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c";

/// Where the tests find the server of S3, and the web address of the namenode.
const S3_VARIABLE: &str = "SEGUE_TEST_S3";
const HDFS_VARIABLE: &str = "SEGUE_TEST_HDFS";

/// Needed to build MinIO.
const GO: setup::Tool = setup::Tool {
    program: "go",
    probe: &["version"],
    package: "golang",
};
/// Needed to run Hadoop.
const JAVA: setup::Tool = setup::Tool {
    program: "javac",
    probe: &["-version"],
    package: "openjdk-17-jdk-headless",
};
/// Needed to fetch it.
const MAVEN: setup::Tool = setup::Tool {
    program: "mvn",
    probe: &["--version"],
    package: "maven",
};

/// Hadoop with what it needs and Java no longer brings: each artifact with the SHA-256 of its file.
const JARS: &[(&str, &str)] = &[
    (
        "org.apache.hadoop:hadoop-client-api:3.4.1",
        "a964d4daa054c9615bbafb4553efbb140fa7fb9ac6f358a24393f183a5703438",
    ),
    (
        "org.apache.hadoop:hadoop-client-runtime:3.4.1",
        "f6a800a159f918670db533606d33560d6c13b7e13f14eda493280ae33b9eeb2f",
    ),
    (
        "org.apache.hadoop:hadoop-client-minicluster:3.4.1",
        "5b90be54a39d856f237a4530e25f62aea4b67c180c73b5cfb1aff35c502b2d29",
    ),
    (
        "org.slf4j:slf4j-api:1.7.36",
        "d3ef575e3e4979678dc01bf1dcce51021493b4d11fb7f1be8ad982877c16a1c0",
    ),
    (
        "org.slf4j:slf4j-nop:1.7.36",
        "c214958b07816cb4412b30c7bdbd4308ffdc6ba2a83767b8f3a9229cbd9274d6",
    ),
    (
        "commons-logging:commons-logging:1.2",
        "daddea1ea0be0f56978ab3006b8ac92834afeefbd9b7e4e6316fca57df0fa636",
    ),
    (
        "javax.xml.bind:jaxb-api:2.3.1",
        "88b955a0df57880a26a74708bc34f74dcaf8ebf4e78843a28b50eae945732b06",
    ),
    (
        "javax.activation:javax.activation-api:1.2.0",
        "43fdef0b5b6ceb31b0424b208b930c74ab58fac2ceeb7b3f6fd3aeb8b5ca4393",
    ),
];

/// A server that ends with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _it_may_be_gone = self.0.kill();
        let _it_may_be_gone = self.0.wait();
    }
}

pub fn s3(args: &[String]) -> Result<(), Failure> {
    nothing(args, "s3")?;
    setup::need(&[&setup::C_COMPILER, &GO])?;
    let home = fresh("minio")?;
    let program = repository::target_dir().join("minio/bin/minio");
    if !program.exists() {
        eprintln!("xtask: building {MINIO}, which takes some minutes");
        let bin = program.parent().expect("it is in a folder").to_path_buf();
        process::run(
            Command::new("go")
                .args(["install", MINIO])
                .env("GOBIN", &bin)
                .env("GOFLAGS", "-mod=mod"),
        )?;
    }
    // A folder of its data is a bucket.
    std::fs::create_dir_all(home.join("shop")).map_err(|e| cannot("make the bucket", &e))?;
    let port = free_port()?;
    let address = format!("127.0.0.1:{port}");
    let server = Command::new(&program)
        .args([
            "server",
            "--quiet",
            "--address",
            &address,
            "--console-address",
            "127.0.0.1:0",
        ])
        .arg(&home)
        .env("MINIO_ROOT_USER", "segue-proof")
        .env("MINIO_ROOT_PASSWORD", "segue-proof-secret")
        .env("MINIO_BROWSER", "off")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    let _server = Running(server.map_err(|e| cannot("start MinIO", &e))?);
    wait_for(port)?;
    tests("stores::tests::real", S3_VARIABLE, &format!("http://{address}"))
}

pub fn hdfs(args: &[String]) -> Result<(), Failure> {
    nothing(args, "hdfs")?;
    setup::need(&[&setup::C_COMPILER, &JAVA, &MAVEN])?;
    let home = fresh("hdfs-data")?;
    let target = repository::target_dir().join("hdfs");
    let jars = target.join("jars");
    for (artifact, sum) in JARS {
        fetch(artifact, sum, &jars)?;
    }
    let classes = target.join("classes");
    std::fs::create_dir_all(&classes).map_err(|e| cannot("make a folder", &e))?;
    let all = format!("{}/*", jars.display());
    process::run(
        Command::new("javac")
            .args(["-cp", &all, "-d"])
            .arg(&classes)
            .arg(repository::root().join("xtask/hdfs/Mini.java")),
    )?;
    let server = Command::new("java")
        .args(["-Xmx512m", "-cp", &format!("{all}:{}", classes.display()), "Mini"])
        .arg(&home)
        .current_dir(&home)
        // It ends with its input, so also where we are killed.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut server = Running(server.map_err(|e| cannot("start Hadoop", &e))?);
    let out = server.0.stdout.take().expect("its output is piped");
    let mut line = String::new();
    BufReader::new(out)
        .read_line(&mut line)
        .map_err(|e| cannot("read what Hadoop says", &e))?;
    if !line.starts_with("http://127.0.0.1:") {
        return Err(Failure::new(format!("Hadoop did not begin: {line}")));
    }
    tests("hdfs::tests::real", HDFS_VARIABLE, line.trim())
}

fn nothing(args: &[String], name: &str) -> Result<(), Failure> {
    match args {
        [] => Ok(()),
        _ => Err(Failure::usage(format!("usage: cargo xtask proof {name}"))),
    }
}

/// A folder with nothing in it, below the build's.
fn fresh(name: &str) -> Result<PathBuf, Failure> {
    let home = repository::target_dir().join("proof").join(name);
    if home.exists() {
        std::fs::remove_dir_all(&home).map_err(|e| cannot("empty a folder", &e))?;
    }
    std::fs::create_dir_all(&home).map_err(|e| cannot("make a folder", &e))?;
    Ok(home)
}

/// The connectors' tests of this name, told where the server is.
fn tests(filter: &str, variable: &str, value: &str) -> Result<(), Failure> {
    let mut cargo = process::cargo();
    cargo
        .current_dir(repository::root())
        .args(["test", "-p", "segue-connectors", "--lib", "--", "--nocapture", filter])
        .env(variable, value);
    eprintln!("xtask: {}", process::show(&cargo));
    process::run(&mut cargo)
}

/// Fetches a file, where it is not there yet, and looks at what it is.
fn fetch(artifact: &str, sum: &str, folder: &Path) -> Result<(), Failure> {
    let path = folder.join(file_of(artifact));
    if !path.exists() {
        eprintln!("xtask: fetching {artifact}");
        process::run(
            Command::new("mvn")
                .args(["-q", "-B", "dependency:copy"])
                .arg(format!("-Dartifact={artifact}"))
                .arg(format!("-DoutputDirectory={}", folder.display())),
        )?;
    }
    let found = process::output(Command::new("sha256sum").arg(&path)).unwrap_or_default();
    match found.split_whitespace().next() {
        Some(is) if is == sum => Ok(()),
        is => Err(Failure::new(format!(
            "{} is not what is wanted: its SHA-256 is {}, and {sum} belongs there; remove it and try again",
            path.display(),
            is.unwrap_or("not to be had")
        ))),
    }
}

/// `hadoop-client-api-3.4.1.jar` of `org.apache.hadoop:hadoop-client-api:3.4.1`.
fn file_of(artifact: &str) -> String {
    let parts: Vec<&str> = artifact.split(':').collect();
    format!("{}.jar", parts[1..].join("-"))
}

fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| cannot("find a free port", &e))?;
    Ok(listener
        .local_addr()
        .map_err(|e| cannot("find a free port", &e))?
        .port())
}

fn wait_for(port: u16) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(Failure::new("the server did not begin within a minute"))
}

fn cannot(what: &str, e: &std::io::Error) -> Failure {
    Failure::new(format!("cannot {what}: {e}"))
}

#[cfg(test)]
mod tests {
    use super::{JARS, file_of};

    #[test]
    fn an_artifact_is_a_file() {
        assert_eq!(file_of("org.slf4j:slf4j-api:1.7.36"), "slf4j-api-1.7.36.jar");
        for (artifact, sum) in JARS {
            assert_eq!(artifact.split(':').count(), 3, "{artifact}");
            assert!(
                sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()),
                "{artifact}"
            );
        }
    }
}

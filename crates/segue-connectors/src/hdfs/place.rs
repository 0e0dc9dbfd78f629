//! A folder of HDFS as a place for files.

use super::client::{Client, Opening, Status};
use crate::files::pattern::{Pattern, Step};
use crate::files::place::{Listed, Opened, Place, nameless};
use crate::http::retry;
use crate::stores::bucket::no_room;
use crate::stores::wire::Failure;
use async_trait::async_trait;
use jiff::Timestamp;
use segue_core::{Clock, Ctx, Error, Kind, Result};
use segue_diag as codes;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// The most files that one path may mean.
const MOST_FILES: usize = 1_000_000;
/// The most times that one download goes on where it broke off.
const MOST_RESUMED: u32 = 100;

/// A folder of a file system.
pub(super) struct Hdfs {
    pub client: Client,
    /// Where paths begin, without slashes around it.
    pub folder: String,
    pub max_object: u64,
    pub tries: u32,
    pub clock: Arc<dyn Clock>,
}

impl Hdfs {
    /// A path below the folder, as the file system has it.
    fn whole(&self, path: &str) -> String {
        let parts = [self.folder.as_str(), path];
        parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("/")
    }

    /// Everything in a folder.
    async fn entries(&self, path: &str) -> Result<Vec<Status>> {
        let (whole, mut all, mut after) = (self.whole(path), Vec::<Status>::new(), String::new());
        loop {
            let (part, left) = self.client.part(&whole, &after).await?;
            let Some(last) = part.last().map(|status| status.path_suffix.clone()) else {
                return Ok(all);
            };
            // A file that is asked for what is in it lists itself, without a name.
            all.extend(part.into_iter().filter(|status| !status.path_suffix.is_empty()));
            if all.len() > MOST_FILES {
                return Err(self.too_many(path));
            }
            if left == 0 {
                return Ok(all);
            }
            // Names come in an order of the namenode's own, in which bytes have signs: only the same one twice is no way on.
            if last == after {
                return Err(self
                    .client
                    .at()
                    .about(Kind::BadData, "the namenode's listing goes in circles", Some(path))
                    .code(codes::STORE_ANSWER));
            }
            after = last;
        }
    }

    async fn listing(&self, pattern: &Pattern) -> Result<Vec<Listed>> {
        let steps = pattern.steps();
        let mut found = BTreeMap::new();
        // What is left to look at: a folder or file, and the steps behind it.
        let mut ahead = vec![(String::new(), 0)];
        let mut seen = HashSet::new();
        while let Some((path, at)) = ahead.pop() {
            if !seen.insert((path.clone(), at)) {
                continue;
            }
            if found.len() > MOST_FILES || ahead.len() > MOST_FILES {
                return Err(self.too_many(pattern.text()));
            }
            let below = |name: &str| match path.as_str() {
                "" => name.to_string(),
                path => format!("{path}/{name}"),
            };
            let is_last = at + 1 == steps.len();
            match steps.get(at) {
                None => {
                    if let Some(status) = self.client.status(&self.whole(&path)).await?
                        && status.is_file()
                    {
                        found.insert(path.clone(), listed(&path, &status));
                    }
                }
                Some(Step::Name(name)) => ahead.push((below(name), at + 1)),
                Some(step @ Step::Like(_)) => {
                    for status in self.entries(&path).await? {
                        let name = below(&status.path_suffix);
                        match step.fits(&status.path_suffix) {
                            true if is_last && status.is_file() => {
                                drop(found.insert(name.clone(), listed(&name, &status)))
                            }
                            true if !is_last && status.is_folder() => ahead.push((name, at + 1)),
                            _ => {}
                        }
                    }
                }
                Some(step @ Step::Folders) => {
                    ahead.push((path.clone(), at + 1));
                    for status in self.entries(&path).await? {
                        if status.is_folder() && step.fits(&status.path_suffix) {
                            ahead.push((below(&status.path_suffix), at));
                        }
                    }
                }
            }
        }
        Ok(found.into_values().collect())
    }

    fn too_many(&self, what: &str) -> Error {
        self.client
            .at()
            .about(
                Kind::Invalid,
                format!("`{what}` means more than {MOST_FILES} files or folders"),
                None,
            )
            .code(codes::STORE_TOO_MANY)
            .hint("name fewer: a folder of a day, or of a month")
    }

    /// What the file is now.
    async fn now(&self, path: &str) -> Result<Listed> {
        let status = self.client.status(&self.whole(path)).await?;
        let gone = || {
            self.client
                .at()
                .about(Kind::NotFound, "the file is not there any more", Some(path))
        };
        let is = listed(path, &status.ok_or_else(gone)?);
        if is.size > self.max_object {
            let what = format!(
                "the file has {} bytes, and no more than {} are read",
                is.size, self.max_object
            );
            return Err(self
                .client
                .at()
                .about(Kind::Invalid, what, Some(path))
                .code(codes::STORE_TOO_LARGE)
                .hint("raise the connection's `max_object`, if there is room on the disk that the state is on"));
        }
        Ok(is)
    }

    async fn fetch(&self, path: &str, scratch: &Path, ctx: &Ctx) -> Result<Opened> {
        for _ in 0..2 {
            let before = ctx.or_cancelled(self.now(path)).await?;
            let mut file = nameless(scratch)?;
            self.bring(&before, &mut file, ctx).await?;
            // A file of HDFS is written to its end, or made anew: it is the same where its time is.
            if ctx.or_cancelled(self.now(path)).await?.mark == before.mark {
                file.seek(SeekFrom::Start(0)).map_err(|e| no_room(path, e))?;
                return Opened::of(file, before.mark).map_err(|e| no_room(path, e));
            }
        }
        Err(self
            .client
            .at()
            .about(Kind::Unavailable, "the file changed while it was read", Some(path))
            .code(codes::STORE_CHANGED)
            .hint("run again when nobody writes it; a new name for each state of it avoids this"))
    }

    /// Brings all of it, on from where it breaks off.
    async fn bring(&self, is: &Listed, file: &mut File, ctx: &Ctx) -> Result<()> {
        let (mut at, mut idle, mut resumed) = (0, 0, 0);
        while at < is.size {
            let before = at;
            let broke = match self.part(is, &mut at, file, ctx).await? {
                Some(failure) => self.client.failed("read the file", Some(&is.path), &failure),
                None if at == is.size => return Ok(()),
                None => self.cut(is, "less"),
            };
            idle = if at > before { 0 } else { idle + 1 };
            resumed += 1;
            if idle >= self.tries || resumed > MOST_RESUMED {
                return Err(broke);
            }
            let wait = retry::backoff(idle + 1, &is.path);
            ctx.or_cancelled(async {
                self.clock.sleep(wait).await;
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Brings what follows; how it broke off, if it did.
    async fn part(&self, is: &Listed, at: &mut u64, file: &mut File, ctx: &Ctx) -> Result<Option<Failure>> {
        let whole = self.whole(&is.path);
        let opened = ctx
            .or_cancelled(async { Ok(self.client.open(&whole, *at).await) })
            .await?;
        let mut response = match opened {
            Ok(response) => response,
            Err(Opening::Error(error)) => return Err(error),
            Err(Opening::Failure(failure)) => {
                return Err(self.client.failed("read the file", Some(&is.path), &failure));
            }
        };
        loop {
            let chunk = ctx.or_cancelled(async { Ok(response.chunk().await) }).await?;
            let chunk = match chunk {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(None),
                Err(e) => return Ok(Some(self.client.wire().broken(e))),
            };
            if *at + chunk.len() as u64 > is.size {
                return Err(self.cut(is, "more"));
            }
            file.write_all(&chunk).map_err(|e| no_room(&is.path, e))?;
            *at += chunk.len() as u64;
        }
    }

    fn cut(&self, is: &Listed, how: &str) -> Error {
        let what = format!(
            "{how} came of the file than the {} bytes that the namenode says it has",
            is.size
        );
        self.client
            .at()
            .about(Kind::Unavailable, what, Some(&is.path))
            .code(codes::STORE_CUT)
            .hint("run again when nobody writes it; if it stays so, look after the file system")
    }
}

#[async_trait]
impl Place for Hdfs {
    fn identity(&self) -> String {
        self.client.at().root.clone()
    }

    fn root(&self) -> String {
        self.client.at().root.clone()
    }

    async fn test(&self, ctx: &Ctx) -> Result<String> {
        let root = &self.client.at().root;
        let found = ctx.or_cancelled(self.client.status(&self.folder)).await?;
        match found {
            Some(status) if status.is_folder() => Ok(format!("files below {root}")),
            _ => Err(self
                .client
                .at()
                .about(Kind::NotFound, format!("there is no folder at {root}"), None)
                .code(codes::STORE_NOT_THERE)
                .hint("look at the connection's `folder`")),
        }
    }

    async fn list(&self, pattern: &Pattern, ctx: &Ctx) -> Result<Vec<Listed>> {
        ctx.or_cancelled(self.listing(pattern)).await
    }

    async fn open(&self, file: &Listed, scratch: &Path, ctx: &Ctx) -> Result<Opened> {
        self.fetch(&file.path, scratch, ctx).await
    }
}

fn listed(path: &str, status: &Status) -> Listed {
    Listed {
        path: path.to_string(),
        size: status.length,
        mark: format!("{}@{}-{}", status.length, status.modification_time, status.file_id),
        modified: Timestamp::from_millisecond(status.modification_time).ok(),
    }
}

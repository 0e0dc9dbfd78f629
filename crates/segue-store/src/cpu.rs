//! The CPU time of the threads on which SQLite works: no poll and no blocking task of ours is there to be measured.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// How the kernel shows the names of those threads, cut to 15 bytes.
const NAME: &str = "sqlx-sqlite-wor";

/// What is known of this process's threads, by their numbers.
#[derive(Default)]
struct Seen {
    /// What each of SQLite's had used when it was last looked at, in nanoseconds.
    used: BTreeMap<String, u64>,
    /// The others; true for those that were looked at twice. A thread has the name of the one that made it until it takes its own.
    others: BTreeMap<String, bool>,
}

static SEEN: Mutex<Seen> = Mutex::new(Seen {
    used: BTreeMap::new(),
    others: BTreeMap::new(),
});

/// What the threads of all open states of this process have used since the last call, whoever made it: for the step that used them last.
/// Nothing where the system does not tell.
pub fn take_worker_cpu() -> Duration {
    let mut seen = SEEN.lock();
    let mut there = Seen::default();
    let mut used = 0;
    for entry in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let (folder, id) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let before = seen.others.get(&id).copied();
        if before == Some(true) || !is_of_sqlite(&folder) {
            there.others.insert(id, before.is_some());
            continue;
        }
        let Some(now) = nanoseconds(&folder) else { continue };
        // A number may be another thread's by now.
        used += now.saturating_sub(seen.used.get(&id).copied().filter(|before| *before <= now).unwrap_or(0));
        there.used.insert(id, now);
    }
    *seen = there;
    Duration::from_nanos(used)
}

fn is_of_sqlite(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join("comm")).is_ok_and(|name| name.trim_end() == NAME)
}

/// The CPU time of a thread.
fn nanoseconds(folder: &Path) -> Option<u64> {
    let times = std::fs::read_to_string(folder.join("schedstat")).ok()?;
    times.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_sqlite_uses_is_seen_once() {
        let f = Fixture::new().await;
        // Other tests of this process take too: one of some attempts sees its own.
        let mut is_seen = false;
        for _ in 0..50 {
            super::take_worker_cpu();
            for _ in 0..20 {
                f.store.runs(10).await.unwrap();
            }
            is_seen |= !super::take_worker_cpu().is_zero();
        }
        assert!(is_seen);
    }
}

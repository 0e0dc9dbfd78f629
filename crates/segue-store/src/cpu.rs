//! The CPU time of the threads on which SQLite works: no poll and no blocking task of ours is there to be measured.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::Duration;

/// How the kernel shows the names of those threads, cut to 15 bytes.
const NAME: &str = "sqlx-sqlite-wor";

/// What each thread of this process had used when it was last looked at, in nanoseconds.
static SEEN: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// What the threads of all open states of this process have used since the last call, whoever made it: for the step that used them last.
/// Nothing where the system does not tell.
pub fn take_worker_cpu() -> Duration {
    let mut seen = SEEN.lock();
    let mut there = BTreeMap::new();
    let mut used = 0;
    for entry in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let (folder, id) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let Some(now) = nanoseconds(&folder) else { continue };
        // A number may be another thread's by now.
        used += now.saturating_sub(seen.get(&id).copied().filter(|before| *before <= now).unwrap_or(0));
        there.insert(id, now);
    }
    *seen = there;
    Duration::from_nanos(used)
}

/// The CPU time of a thread of SQLite's.
fn nanoseconds(folder: &std::path::Path) -> Option<u64> {
    let name = std::fs::read_to_string(folder.join("comm")).ok()?;
    if name.trim_end() != NAME {
        return None;
    }
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

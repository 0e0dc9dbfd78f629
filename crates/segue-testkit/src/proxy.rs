//! A stretch of network between two programs that cuts, stalls and slows.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What goes wrong, counted in bytes over all connections, from the moment at which it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Every connection is cut once so many bytes went to the server.
    CutAfterSent(u64),
    /// Every connection is cut once so many bytes came from the server.
    CutAfterReceived(u64),
    /// Nothing moves to the server once so many bytes went there, and nobody is told.
    StallAfterSent(u64),
    /// Nothing moves from the server once so many bytes came from it, and nobody is told.
    StallAfterReceived(u64),
    /// Each 16 KiB, or what comes at once, waits for so many milliseconds, both ways.
    Slow(u64),
}

/// A port on this machine that leads to another one.
pub struct Proxy {
    port: u16,
    road: Arc<Road>,
}

#[derive(Default)]
struct Road {
    sent: AtomicU64,
    received: AtomicU64,
    cut_sent: AtomicU64,
    cut_received: AtomicU64,
    stall_sent: AtomicU64,
    stall_received: AtomicU64,
    slow: AtomicU64,
    closed: AtomicBool,
}

impl Proxy {
    /// Leads to this port of this machine.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn to(port: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let proxy = Proxy {
            port: listener.local_addr().expect("an address").port(),
            road: Arc::default(),
        };
        proxy.heal();
        let road = proxy.road.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if road.closed.load(Ordering::SeqCst) {
                    return;
                }
                if let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", port))) {
                    lead(&road, client, server);
                }
            }
        });
        proxy
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on this goes wrong.
    pub fn make(&self, trouble: Trouble) {
        self.heal();
        let (limit, after) = match trouble {
            Trouble::CutAfterSent(after) => (&self.road.cut_sent, after),
            Trouble::CutAfterReceived(after) => (&self.road.cut_received, after),
            Trouble::StallAfterSent(after) => (&self.road.stall_sent, after),
            Trouble::StallAfterReceived(after) => (&self.road.stall_received, after),
            Trouble::Slow(wait) => (&self.road.slow, wait),
        };
        limit.store(after, Ordering::SeqCst);
    }

    /// Nothing goes wrong any more; what was cut stays so.
    pub fn heal(&self) {
        let Road {
            cut_sent,
            cut_received,
            stall_sent,
            stall_received,
            ..
        } = &*self.road;
        for limit in [cut_sent, cut_received, stall_sent, stall_received] {
            limit.store(u64::MAX, Ordering::SeqCst);
        }
        self.road.slow.store(0, Ordering::SeqCst);
        self.road.sent.store(0, Ordering::SeqCst);
        self.road.received.store(0, Ordering::SeqCst);
    }

    /// How many bytes went to the server, and came from it, since the last trouble was made or healed.
    pub fn moved(&self) -> (u64, u64) {
        (
            self.road.sent.load(Ordering::SeqCst),
            self.road.received.load(Ordering::SeqCst),
        )
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.road.closed.store(true, Ordering::SeqCst);
        let _wakes_the_listener = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Moves bytes both ways, a thread each, until one end is closed.
fn lead(road: &Arc<Road>, client: TcpStream, server: TcpStream) {
    let ends = (client.try_clone(), server.try_clone());
    let (Ok(client_out), Ok(server_out)) = ends else { return };
    let there = road.clone();
    std::thread::spawn(move || move_bytes(&there, client, server_out, true));
    let back = road.clone();
    std::thread::spawn(move || move_bytes(&back, server, client_out, false));
}

fn move_bytes(road: &Road, mut from: TcpStream, mut to: TcpStream, to_server: bool) {
    let mut buffer = [0_u8; 16 << 10];
    let (count, cut, stall) = match to_server {
        true => (&road.sent, &road.cut_sent, &road.stall_sent),
        false => (&road.received, &road.cut_received, &road.stall_received),
    };
    while let Ok(many @ 1..) = from.read(&mut buffer) {
        let before = count.fetch_add(many as u64, Ordering::SeqCst);
        while before >= stall.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(road.slow.load(Ordering::SeqCst)));
        let left = cut.load(Ordering::SeqCst).saturating_sub(before);
        let goes = usize::try_from(left).unwrap_or(usize::MAX).min(many);
        if to.write_all(&buffer[..goes]).is_err() || goes < many {
            break;
        }
    }
    let _may_be_closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

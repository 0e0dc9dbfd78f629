//! How much memory a step holds: an allocator that counts, on each thread, what is taken and given back.
//!
//! What a step's meter makes of it is right for what the step takes and gives back itself. It is not for what changes hands: memory that one
//! step takes and another frees is kept counted for the first and taken off from the second, what a task frees after its step has ended is
//! taken off from nobody, and what stays for all (an opened table, a pool of connections) counts for whoever came first. The state's own
//! threads count for nobody.

#![allow(
    unsafe_code,
    reason = "the trait of allocators is unsafe to implement; every call is handed on as it came"
)]

use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

/// mimalloc, counted.
pub struct Counted;

/// What a thread holds more than when it was last asked, and the most that it held in between, in bytes.
#[derive(Clone, Copy)]
struct Held {
    net: i64,
    highest: i64,
}

const NOTHING: Held = Held { net: 0, highest: 0 };

thread_local! {
    // Without a destructor, and so without an allocation of its own.
    static HELD: Cell<Held> = const { Cell::new(NOTHING) };
}

/// Makes the meters of steps count memory.
pub fn begin() {
    segue_core::meter::count_memory_by(|| {
        let held = HELD.with(|cell| cell.replace(NOTHING));
        (held.net, held.highest)
    });
}

fn count(taken: usize, given_back: usize) {
    HELD.with(|cell| {
        let Held { net, highest } = cell.get();
        let net = net + taken as i64 - given_back as i64;
        cell.set(Held {
            net,
            highest: highest.max(net),
        });
    });
}

// SAFETY: every call is mimalloc's, with the arguments as they came.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps what `alloc` asks for.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps what `alloc_zeroed` asks for.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: the caller keeps what `realloc` asks for.
        unsafe { MiMalloc.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller keeps what `dealloc` asks for.
        unsafe { MiMalloc.dealloc(at, layout) }
    }
}

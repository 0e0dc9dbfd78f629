//! Codes of the state: SG06xx.

use crate::Code;

codes! {
    NOT_A_STATE = "SG0601",
    STATE_NEWER = "SG0602",
    STATE_READ_ONLY = "SG0603",
    STATE_DAMAGED = "SG0604",
    STATE_BUSY = "SG0605",
    STATE_FULL = "SG0606",
    LEASE_HELD = "SG0607",
    LEASE_LOST = "SG0608",
    STATE_ELSEWHERE = "SG0609",
    ASSET_TAKEN = "SG0610",
    BACKUP_EXISTS = "SG0611",
}

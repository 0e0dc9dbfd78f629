//! Remember: runs, ledger, commits and leases, in one database.

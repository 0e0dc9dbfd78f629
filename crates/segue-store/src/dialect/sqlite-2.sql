-- A step is known by its asset's name: one that failed or was skipped before its asset was ever written down has a row too. And what steps
-- counted is kept whole. What was put off by a block names it.
create table steps_2 (
    run text not null,
    name text not null,
    attempt bigint not null,
    asset text,
    range_from bigint,
    range_to bigint,
    started_at bigint not null,
    ended_at bigint,
    outcome text,
    message text,
    error text,
    rows_in bigint,
    rows_written bigint,
    rows_changed bigint,
    rows_quarantined bigint,
    rows_doubled bigint,
    bytes_in bigint,
    bytes_written bigint,
    calls bigint,
    cpu_us bigint,
    peak_memory bigint,
    duration_us bigint,
    commits bigint,
    slices_listed bigint,
    slices_done bigint,
    slices_parked bigint,
    slices_failed bigint,
    slices_closed bigint,
    slices_gone bigint,
    notes text,
    primary key (run, name, attempt)
);
insert or ignore into steps_2 (run, name, attempt, asset, started_at, ended_at, outcome, message, error, rows_in, rows_written, rows_changed,
    rows_quarantined, bytes_in, bytes_written, calls, cpu_us, peak_memory, duration_us, slices_done, slices_parked, slices_failed,
    slices_closed, notes)
select run, name, attempt, asset, started_at, ended_at, outcome, message, error, rows_in, rows_written, rows_changed,
    rows_quarantined, bytes_in, bytes_written, calls, cpu_us, peak_memory, duration_us, slices_done, slices_parked, slices_failed,
    slices_closed, notes
from steps;
drop table steps;
alter table steps_2 rename to steps;
create index steps_by_asset on steps (asset, started_at);

-- The key of the block that put a slice off: it waits no longer than that block holds.
alter table parked add column block text;

-- The state, version 1. Ids are text, instants are microseconds since 1970 in UTC, structured values are JSON as text.
create table segue_state (version bigint not null);

create table assets (
    id text primary key,
    table_id text not null,
    name text not null,
    place text not null,
    connection text,
    frozen_columns text,
    definition text,
    data_hash text,
    metadata_hash text,
    source text,
    dropped bigint not null default 0
);
create unique index assets_by_name on assets (name) where dropped = 0;
create index assets_by_table on assets (table_id);

create table leases (
    asset text primary key,
    epoch bigint not null,
    holder text not null,
    pid bigint not null,
    taken_at bigint not null,
    renewed_at bigint not null
);

-- What the protocol knows of an asset as a whole; its commits are below.
create table heads (
    asset text primary key,
    last_n bigint not null,
    last_id text,
    highest bigint not null,
    position text
);

create table commits (
    asset text not null,
    id text not null,
    n bigint not null,
    predecessor bigint not null,
    state text not null,            -- prepared, committed, given_up, forgotten
    record text not null,
    prepared_at bigint not null,
    committed_at bigint,
    rows_changed bigint,            -- null where the record does not know
    bytes bigint not null,
    version bigint,                 -- of the own table, where it landed
    run text,
    cleared bigint not null default 0, -- given up, and its files may go: it can no longer land
    primary key (asset, id)
);
create unique index commits_prepared on commits (asset) where state = 'prepared';
create index commits_by_number on commits (asset, n);

-- Which commit made which version of which table.
create table versions (
    table_id text not null,
    version bigint not null,
    asset text not null,
    n bigint not null,
    footprint text not null,
    primary key (table_id, version)
);

-- A part without a range has [0, 0), which no range is.
create table ledger (
    asset text not null,
    labels text not null,
    range_from bigint not null,
    range_to bigint not null,
    outcome text not null,
    n bigint not null,
    data_hash text not null,
    values_hash text not null,
    -- {"table id": version}, null for none.
    inputs text,
    source text,
    read_at bigint not null,
    kept bigint not null
);
create index ledger_by_part on ledger (asset, labels, range_from);

create table parked (
    asset text not null,
    labels text not null,
    until bigint,
    reason text not null,
    attempts bigint not null,
    parked_at bigint not null,
    primary key (asset, labels)
);

-- Places in sliding windows: the instant of each of the last reservations of a key, numbered without gaps.
create table places (
    key text not null,
    seq bigint not null,
    at bigint not null,
    primary key (key, seq)
) without rowid;

create table blocks (
    key text primary key,
    until bigint not null,
    reason text not null
);

create table runs (
    id text primary key,
    kind text not null,
    selector text not null,
    params text not null,
    plan text not null,
    pid bigint not null,
    started_at bigint not null,
    ended_at bigint,
    outcome text
);
create index runs_by_start on runs (started_at);
create index runs_unfinished on runs (id) where ended_at is null;

create table steps (
    run text not null,
    asset text not null,
    attempt bigint not null,
    name text not null,
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
    bytes_in bigint,
    bytes_written bigint,
    calls bigint,
    cpu_us bigint,
    peak_memory bigint,
    duration_us bigint,
    slices_done bigint,
    slices_parked bigint,
    slices_failed bigint,
    slices_closed bigint,
    notes text,
    primary key (run, asset, attempt)
);

create table logs (
    seq integer primary key,
    run text not null,
    step text,
    level text not null,
    message text not null,
    at bigint not null
);
create index logs_by_run on logs (run, step);

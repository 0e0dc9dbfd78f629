-- What an exchange with an outside system leaves for the next one: tokens that were renewed. It is as secret as what it was made from.
create table notes (
    key text primary key,
    value text,
    holder text,
    until bigint
);

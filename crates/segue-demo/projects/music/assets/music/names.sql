/* asset: music.names
   description: The names as they are asked for (quotes, spaces and invisible characters put right) and as they are compared.
   owner: data-engineering
   tags: [music, names]
   write: { mode: replace, key: [name] }
   checks:
     - { unique: [name] }
     - { row: "phrase <> '' and folded <> ''", name: nothing_is_asked_for_nothing } */
with clean as (
  select
    name,
    trim(regexp_replace(translate(name, '‘’´`“”"\', ''''''''''), '[\s\x{00A0}\x{200B}-\x{200F}\x{FEFF}]+', ' ', 'g')) as phrase
  from raw.artist_names
)
select
  name, phrase, folded,
  -- In a short name every error makes another one. A syllable of Hangul is three bytes, and two or three keys.
  case
    when octet_length(folded) <= 3 then 0
    when octet_length(folded) <= 6 or (octet_length(folded) <= 9 and octet_length(folded) > character_length(folded)) then 1
    else 2
  end as errors_allowed
from (select name, phrase, fold_name(phrase) as folded from clean where phrase <> '') n

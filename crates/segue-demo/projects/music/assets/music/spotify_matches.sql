/* asset: music.spotify_matches
   description: Which of Spotify's candidates a name may mean, the same name alone where there is one, and otherwise those within two typing errors.
   owner: data-engineering
   tags: [music, names]
   write: { mode: replace, key: [phrase, spotify_id], allow_empty: true }
   checks:
     - { unique: [phrase, spotify_id] } */
with compared as (
  select
    n.phrase, c.id as spotify_id, c.name,
    jamo_distance(left(fold_name(c.name), 100), left(n.folded, 100)) as errors, n.errors_allowed
  from (select distinct phrase, folded, errors_allowed from music.names) n
  join raw.spotify_candidates c on c.phrase = n.phrase
),
best as (
  select *, min(errors) over (partition by phrase) as fewest
  from compared
  where errors <= errors_allowed
)
select phrase, spotify_id, name, errors
from best
where errors = 0 or fewest > 0

/* asset: music.ambiguous_names
   description: >
     The names that nobody can be sure of, each with its candidates: several artists of the name, or some who are called nearly so. Somebody
     has to choose.
   owner: data-engineering
   tags: [music, names]
   write: { mode: replace, key: [name, candidate_id], allow_empty: true }
   checks:
     - { unique: [name, candidate_id] } */
with spotify_names as (
  select id, min(name) as name from raw.spotify_candidates group by id
),
several as (
  select
    m.name, m.artist_id as candidate_id, coalesce(i.name, s.name) as candidate_name,
    i.note, i.country, i.kind, coalesce(i.spotify_id, m.spotify_id) as spotify_id, m.errors, m.found_by
  from music.meanings m
  left join music.identities i on i.artist_id = m.artist_id
  left join spotify_names s on s.id = m.spotify_id
  where m.meanings > 1
),
nearly as (
  select
    n.name, c.id as spotify_id, c.name as candidate_name, n.errors_allowed, character_length(n.folded) as letters,
    jamo_distance(left(fold_name(c.name), 100), left(n.folded, 100)) as errors
  from music.names n
  join raw.spotify_candidates c on c.phrase = n.phrase
  left join (select distinct name from music.meanings) m on m.name = n.name
  where m.name is null
),
nearest as (
  select *, row_number() over (partition by name order by errors, candidate_name, spotify_id) as place
  from nearly
  where errors <= greatest(errors_allowed + 1, letters / 3)
)
select name, candidate_id, candidate_name, note, country, kind, spotify_id, errors, found_by
from several
union all
select
  n.name, coalesce(i.artist_id, 'spotify:' || n.spotify_id), n.candidate_name, i.note, i.country, i.kind, n.spotify_id, cast(n.errors as int),
  'called nearly so'
from nearest n
left join music.identities i on i.spotify_id = n.spotify_id
where n.place <= 5
